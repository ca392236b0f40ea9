class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, past_key_values=None, **kwargs):
        attn_outputs = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        attn_output = attn_outputs[0]
        outputs = attn_outputs[1:]
        hidden_states = attn_output + hidden_states
        outputs = (hidden_states,) + outputs
        return outputs


class TinyModel(PreTrainedModel):
    def __init__(self, config):
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, hidden_states, past_key_values=None, **kwargs):
        for decoder_layer in self.layers:
            outputs = decoder_layer(hidden_states, past_key_values=past_key_values, **kwargs)
            hidden_states = outputs[0]
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
