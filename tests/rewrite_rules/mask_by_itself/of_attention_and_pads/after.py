class TinyAttention:
    def forward(self, hidden_states, attention_mask: torch.Tensor | None = None, past_key_values=None, **kwargs):
        conv_mask = None

        states = self.mixed(hidden_states, past_key_values, conv_mask)
        key_states, value_states = past_key_values.update(states, states, self.layer_idx)
        attention_interface: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        return attention_interface(self, states, key_states, value_states, attention_mask, scaling=1.0, **kwargs)


class TinyModel:
    def forward(self, inputs_embeds, masks, past_key_values=None, use_cache=None, **kwargs):
        for decoder_layer in self.layers:
            inputs_embeds = decoder_layer(
                inputs_embeds,
                attention_mask=masks["full"],
                past_key_values=past_key_values,
                **kwargs,
            )
        return BaseModelOutputWithPast(last_hidden_state=inputs_embeds, past_key_values=past_key_values)
