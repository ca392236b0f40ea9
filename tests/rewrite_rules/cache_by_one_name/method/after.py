class TinyAttention:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        key, value = past_key_values.update(hidden_states, hidden_states, self.layer_idx)
        return eager_attention_forward(self, hidden_states, key, value, attention_mask, scaling=1.0)


class TinyDecoderLayer:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        hidden_states, _ = self.self_attn(
            hidden_states, attention_mask=attention_mask, past_key_values=past_key_values
        )
        return hidden_states


class TinyModel:
    def forward(self, input_ids, attention_mask=None, past_key_values=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        attention_mask = self.make_mask(hidden_states, attention_mask=attention_mask, past_key_values=past_key_values)
        for decoder_layer in self.layers:
            hidden_states = decoder_layer(
                hidden_states, attention_mask=attention_mask, past_key_values=past_key_values
            )
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, cache=past_key_values)

    def make_mask(self, hidden_states, attention_mask, past_key_values):
        return create_causal_mask(
            config=self.config, inputs_embeds=hidden_states, attention_mask=attention_mask, cache=past_key_values
        )


class TinyForCausalLM:
    def forward(self, input_ids, attention_mask=None, past_key_values=None, **kwargs):
        outputs = self.model(input_ids, attention_mask=attention_mask, past_key_values=past_key_values)
        return CausalLMOutputWithPast(logits=self.lm_head(outputs.last_hidden_state), cache=outputs.cache)
