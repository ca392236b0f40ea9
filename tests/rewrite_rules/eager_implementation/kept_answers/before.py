class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self._attn_implementation = config._attn_implementation
        self._use_flash_attention_2 = config._attn_implementation == "flash_attention_2"

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        query = key = value = hidden_states
        key, value = past_key_values.update(key, value, self.layer_idx)
        if self._use_flash_attention_2 and is_flash_attn_greater_or_equal("2.1.0"):
            return flash_attention(query, key, value), None
        if self._attn_implementation == "sdpa":
            return nn.functional.scaled_dot_product_attention(query, key, value, attention_mask), None
        attn_weights = torch.matmul(query, key.transpose(-1, -2)) + attention_mask
        return torch.matmul(attn_weights.softmax(-1), value), attn_weights
