class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx

    def forward(self, hidden_states, past_key_values=None, conv_mask=None):
        hidden_states = past_key_values.update_conv_state(hidden_states, self.layer_idx, conv_kernel_size=4)
        return hidden_states


class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.mixed = TinyMixer(config, layer_idx)

    def forward(self, hidden_states, attention_mask: dict[str, Any] | None = None, past_key_values=None, **kwargs):
        mask_mapping = attention_mask or {}
        causal_mask = mask_mapping.get("causal")
        conv_mask = mask_mapping.get("conv")

        states = self.mixed(hidden_states, past_key_values, conv_mask)
        key_states, value_states = past_key_values.update(states, states, self.layer_idx)
        attention_interface: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        return attention_interface(self, states, key_states, value_states, causal_mask, scaling=1.0, **kwargs)


class TinyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, inputs_embeds, masks, past_key_values=None, use_cache=None, **kwargs):
        for decoder_layer in self.layers:
            # The attention needs one mask, the convolution the other.
            inputs_embeds = decoder_layer(
                inputs_embeds,
                attention_mask={
                    "causal": masks["full"],
                    "conv": masks.get("conv"),
                },
                past_key_values=past_key_values,
                **kwargs,
            )
        return BaseModelOutputWithPast(last_hidden_state=inputs_embeds, past_key_values=past_key_values)
