class TinyWrapper(nn.Module):
    def __init__(self, config, layer_idx):
        self.norm = TinyRMSNorm(config.hidden_size)
        self.attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, past_key_values=None):
        residual = hidden_states
        hidden_states, _ = self.attn(self.norm(hidden_states), past_key_values=past_key_values)
        return residual, residual + hidden_states


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.wrapper = TinyWrapper(config, layer_idx)

    def forward(self, hidden_states, past_key_values=None):
        residual, hidden_states = self.wrapper(hidden_states, past_key_values=past_key_values)
        return residual + hidden_states
