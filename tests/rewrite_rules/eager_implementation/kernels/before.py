class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        query = key = value = hidden_states
        key, value = past_key_values.update(key, value, self.layer_idx)
        if self.config._attn_implementation == "sdpa":
            return torch.nn.functional.scaled_dot_product_attention(query, key, value), None
        if is_flash_attention_requested(self.config) or self.config._attn_implementation != "eager":
            return flash(query, key, value), None
        return value, None
