class TinyDecoderLayer:
    def forward(self, hidden_states, past_key_values=None, **kwargs):
        hidden_states, attn_weights, past_key_values = self.self_attn(
            hidden_states, past_key_values=past_key_values, **kwargs
        )
        return hidden_states, attn_weights, past_key_values


class TinyModel:
    def forward(
        self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, use_cache=None, **kwargs
    ):
        hidden_states = self.embed_tokens(input_ids)
        causal_mask = create_causal_mask(
            config=self.config,
            inputs_embeds=hidden_states,
            attention_mask=attention_mask,
            past_key_values=past_key_values,
        )
        for layer in self.layers:
            hidden_states, _, past_key_values = layer(
                hidden_states, attention_mask=causal_mask, past_key_values=past_key_values
            )
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
