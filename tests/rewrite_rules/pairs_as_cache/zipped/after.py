class TinyAttention:
    def forward(
        self, hidden_states, attention_mask=None, past_key_values=None, use_cache=False, layer_idx: int | None = None
    ):
        bsz, q_len, _ = hidden_states.size()
        query_states = key_states = value_states = self.q_proj(hidden_states).view(bsz, 1, q_len, -1)

        kv_seq_len = key_states.shape[-2]
        if past_key_values is not None:
            kv_seq_len += past_key_values.get_seq_length(layer_idx)
        if past_key_values is not None:
            key_states, value_states = past_key_values.update(key_states, value_states, layer_idx)

        attn_weights = torch.matmul(query_states, key_states.transpose(2, 3))
        if attn_weights.size() != (bsz, 1, q_len, kv_seq_len):
            raise ValueError("Attention weights have another size")
        attn_output = torch.matmul((attn_weights + attention_mask).softmax(-1), value_states)
        return attn_output, past_key_values


class TinyDecoderLayer:
    def forward(
        self, hidden_states, attention_mask=None, past_key_values=None, use_cache=False, layer_idx: int | None = None
    ):
        hidden_states, present = self.self_attn(
            hidden_states=hidden_states,
            attention_mask=attention_mask,
            past_key_values=past_key_values,
            layer_idx=layer_idx,
        )
        outputs = (hidden_states,)
        if use_cache:
            outputs += (present,)
        return outputs


class TinyModel:
    def forward(self, input_ids, attention_mask=None, past_key_values=None, use_cache=None):
        batch_size, seq_length = input_ids.shape
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache()
        past_length = past_key_values.get_seq_length() if past_key_values is not None else 0
        hidden_states = self.embed_tokens(input_ids)
        next_cache = () if use_cache else None
        for i, layer in enumerate(self.layers):
            layer_outputs = layer(
                hidden_states,
                attention_mask=attention_mask,
                past_key_values=past_key_values,
                use_cache=use_cache,
                layer_idx=i,
            )
            hidden_states = layer_outputs[0]
            if use_cache:
                next_cache += (layer_outputs[1],)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=next_cache)
