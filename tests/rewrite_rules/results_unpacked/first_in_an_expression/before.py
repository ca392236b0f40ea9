class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, past_key_values=None, **kwargs):
        attn_outputs = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        attn_output = self.output(attn_outputs[0], hidden_states)
        outputs = (attn_output,) + attn_outputs[1:]
        return outputs
