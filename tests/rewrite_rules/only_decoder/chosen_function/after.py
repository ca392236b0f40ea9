class TinyModel:
    def forward(self, input_ids, attention_mask=None, past_key_values=None, use_cache=None, **kwargs):
        if not self.config.is_decoder:
            raise ValueError("without `config.is_decoder` the model looks ahead")
        hidden_states = self.embed_tokens(input_ids)
        attention_mask = create_causal_mask(config=self.config, attention_mask=attention_mask)
        for decoder_layer in self.layers:
            hidden_states = decoder_layer(hidden_states, attention_mask, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
