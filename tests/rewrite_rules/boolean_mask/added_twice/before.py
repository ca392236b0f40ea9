class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        query = key = value = hidden_states
        key, value = past_key_values.update(key, value, self.layer_idx)
        scores = torch.matmul(query, key.transpose(-1, -2))
        scores = scores + attention_mask
        scores = scores + attention_mask
        return torch.matmul(nn.functional.softmax(scores, dim=-1), value), scores
