class TinyModel:
    def forward(self, input_ids, attention_mask=None, past_key_values=None, use_cache=None, **kwargs):
        encoder_outputs = self.encoder(
            self.embed_tokens(input_ids), attention_mask, past_key_values=past_key_values, use_cache=use_cache
        )
        return BaseModelOutputWithPast(
            last_hidden_state=encoder_outputs.last_hidden_state, past_key_values=past_key_values
        )
