class TinyAttention:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        key_states, value_states = self.kv_proj(hidden_states).chunk(2, dim=-1)
        if past_key_values is not None:
            key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx, kwargs=kwargs)
        return self.attend(hidden_states, key_states, value_states, attention_mask), None


class TinyDecoderLayer:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        hidden_states, _ = self.self_attn(
            hidden_states, attention_mask=attention_mask, past_key_values=past_key_values, **kwargs
        )
        return hidden_states


class TinyModel:
    def forward(self, input_ids, position_ids=None, past_key_values=None, use_cache=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache(config=self.config)
        causal_mask = create_causal_mask(config=self.config, cache=past_key_values, position_ids=position_ids)
        for decoder_layer in self.layers:
            hidden_states = decoder_layer(
                hidden_states, attention_mask=causal_mask, past_key_values=past_key_values, **kwargs
            )
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, cache=past_key_values)


class TinyForCausalLM:
    def forward(self, input_ids, position_ids=None, past_key_values=None, **kwargs):
        outputs = self.model(input_ids, position_ids=position_ids, past_key_values=past_key_values, **kwargs)
        return CausalLMOutputWithPast(logits=self.lm_head(outputs.last_hidden_state), cache=outputs.cache)
