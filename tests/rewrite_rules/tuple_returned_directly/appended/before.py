class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, past_key_values=None, output_attentions=False, **kwargs):
        hidden_states, attn_weights = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        outputs = (hidden_states,)
        if output_attentions:
            outputs += (attn_weights,)
        return outputs
