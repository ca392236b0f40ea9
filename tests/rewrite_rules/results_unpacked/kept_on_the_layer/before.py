class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, past_key_values=None, **kwargs):
        self.outputs = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        hidden_states = self.outputs[0]
        return hidden_states + self.outputs[1]
