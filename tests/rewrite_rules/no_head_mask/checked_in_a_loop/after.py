class TinyAttention:
    def _attn(self, query, key, value, attention_mask=None):
        attn_weights = torch.matmul(query, key.transpose(-1, -2)) + attention_mask
        attn_weights = nn.functional.softmax(attn_weights, dim=-1)
        return torch.matmul(attn_weights, value), attn_weights

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        query = key = value = hidden_states
        key, value = past_key_values.update(key, value, self.layer_idx)
        return self._attn(query, key, value, attention_mask)


class TinyDecoderLayer:
    def forward(
        self,
        hidden_states,
        attention_mask=None,
        past_key_values=None,
    ):
        hidden_states, _ = self.self_attn(hidden_states, attention_mask, past_key_values=past_key_values)
        return hidden_states


class TinyModel:
    def forward(self, input_ids, attention_mask=None, past_key_values=None):
        hidden_states = self.embed_tokens(input_ids)
        for i, layer in enumerate(self.layers):
            hidden_states = layer(hidden_states, attention_mask, past_key_values=past_key_values)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
