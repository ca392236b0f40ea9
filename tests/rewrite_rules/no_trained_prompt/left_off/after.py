class TinyAttention:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        query_states, key_states, value_states = self.qkv_proj(hidden_states)[:, None].chunk(3, dim=-1)
        if past_key_values is not None:
            key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx)
        return eager_attention_forward(self, query_states, key_states, value_states, attention_mask, scaling=1.0)


class TinyDecoderLayer:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        attn_output, _ = self.self_attn(
            hidden_states, attention_mask=attention_mask, past_key_values=past_key_values, **kwargs
        )
        return hidden_states + attn_output


class TinyModel:
    def forward(self, input_ids, attention_mask=None, past_key_values=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        for layer_number, layer in enumerate(self.layers):
            hidden_states = layer(
                hidden_states,
                attention_mask,
                past_key_values,
                **kwargs,
            )
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
