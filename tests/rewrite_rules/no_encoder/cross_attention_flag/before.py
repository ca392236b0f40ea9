class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, encoder_hidden_states=None):
        query = key = value = hidden_states
        key, value = past_key_values.update(key, value, self.layer_idx)
        if self.is_cross_attention:
            key = value = encoder_hidden_states
        return value, None
