class TinyModel:
    def forward(self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)

        mask_kwargs = {"config": self.config, "attention_mask": attention_mask, "position_ids": position_ids}
        if self.config.use_bidirectional_attention:
            raise ValueError("`config.use_bidirectional_attention` needs a mask that looks ahead")
        causal_mask = create_causal_mask(**mask_kwargs)
        for i, decoder_layer in enumerate(self.layers):
            hidden_states = decoder_layer(
                hidden_states, attention_mask=causal_mask, past_key_values=past_key_values, **kwargs
            )
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
