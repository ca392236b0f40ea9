from einops import rearrange, repeat


class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.groups = config.num_attention_heads // config.num_key_value_heads
        self.head_dim = config.head_dim

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        query = key = value = rearrange([hidden_states, hidden_states], "n b s d -> b n s d")
        key, value = past_key_values.update(key, value, self.layer_idx)
        attn_weights = torch.matmul(query, key.transpose(-1, -2)) + attention_mask
        return torch.matmul(attn_weights.softmax(-1), value), attn_weights
