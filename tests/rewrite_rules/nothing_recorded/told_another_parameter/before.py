class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, past_key_values=None, scaled=False, output_attentions=False, **kwargs):
        hidden_states, weights = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        outputs = (hidden_states * 2 if scaled else hidden_states,)
        if output_attentions:
            outputs += (weights,)
        return outputs


class TinyModel(PreTrainedModel):
    def __init__(self, config):
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, input_ids, past_key_values=None, use_cache=None, output_attentions=None, **kwargs):
        output_attentions = output_attentions if output_attentions is not None else self.config.output_attentions
        hidden_states = self.embed_tokens(input_ids)
        for decoder_layer in self.layers:
            layer_outputs = decoder_layer(hidden_states, past_key_values, output_attentions, **kwargs)
            hidden_states = layer_outputs[0]
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
