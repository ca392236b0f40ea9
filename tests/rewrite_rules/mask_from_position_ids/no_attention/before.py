class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx

    def forward(self, hidden_states, past_key_values=None, **kwargs):
        return past_key_values.update_conv_state(hidden_states, self.layer_idx, conv_kernel_size=4)


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.mixer = TinyMixer(config, layer_idx)

    def forward(self, hidden_states, past_key_values=None, **kwargs):
        return self.mixer(hidden_states, past_key_values=past_key_values)


class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, inputs_embeds, position_ids=None, past_key_values=None, **kwargs):
        hidden_states = inputs_embeds
        for decoder_layer in self.layers:
            hidden_states = decoder_layer(hidden_states, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
