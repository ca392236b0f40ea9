class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self._use_sdpa = config._attn_implementation == "sdpa" or config.fast
        self._attn_implementation = "sdpa" if config.fast else config._attn_implementation

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        query = key = value = hidden_states
        key, value = past_key_values.update(key, value, self.layer_idx)
        if self._use_sdpa:
            query = query * 2
        if self._attn_implementation == "sdpa":
            key = key * 2
        attn_weights = torch.matmul(query, key.transpose(-1, -2)) + attention_mask
        return torch.matmul(attn_weights.softmax(-1), value), attn_weights
