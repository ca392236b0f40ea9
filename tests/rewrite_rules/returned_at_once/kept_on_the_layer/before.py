class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, past_key_values=None, **kwargs):
        residual = hidden_states
        hidden_states, _ = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        self.outputs = (residual + hidden_states,)
        return self.outputs
