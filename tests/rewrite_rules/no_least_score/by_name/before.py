class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx

    def forward(self, hidden_states, attention_mask=None, past_key_values=None):
        bsz, q_len, _ = hidden_states.size()
        query_states = key_states = value_states = hidden_states.view(bsz, 1, q_len, -1)
        if past_key_values is not None:
            key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx)
        attn_weights = torch.matmul(query_states, key_states.transpose(2, 3)) + attention_mask
        dtype_min = torch.tensor(torch.finfo(attn_weights.dtype).min, device=attn_weights.device, dtype=attn_weights.dtype)
        attn_weights = torch.max(attn_weights, dtype_min)
        return torch.matmul(attn_weights.softmax(-1), value_states)
