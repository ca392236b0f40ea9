class TinyModel:
    def forward(self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        target_length = past_key_values.get_seq_length() if comp_ctx_lengths is None else comp_ctx_lengths.shape[-1]
        causal_mask_mapping = {
            "full_attention": _create_causal_mask(position_ids=position_ids, target_length=target_length),
            "sliding_attention": _create_causal_mask(
                position_ids=position_ids, target_length=target_length, sliding_window=self.config.sliding_window
            ),
        }
        for i, decoder_layer in enumerate(self.layers):
            hidden_states = decoder_layer(
                hidden_states,
                attention_mask=causal_mask_mapping[self.config.layer_types[i]],
                past_key_values=past_key_values,
                **kwargs,
            )
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
