class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        query = key = value = hidden_states
        key, value = past_key_values.update(key, value, self.layer_idx)
        if getattr(self.config, "_flash_attn_2_enabled", False):
            return flash(query, key, value), None
        if getattr(self.config, "_other", False):
            return other(query, key, value), None
        return value, None
