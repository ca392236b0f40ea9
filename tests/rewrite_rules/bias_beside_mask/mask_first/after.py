class TinyAttention:
    def forward(
        self, hidden_states, attention_mask=None, past_key_values=None, mask_bias: torch.Tensor | None = None, **kwargs
    ):
        query = key = value = hidden_states
        key, value = past_key_values.update(key, value, self.layer_idx)
        scores = torch.matmul(query, key.transpose(-1, -2))
        weights = nn.functional.softmax((scores if mask_bias is None else scores + mask_bias) + attention_mask, dim=-1)
        return torch.matmul(weights, value), weights


class TinyDecoderLayer:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, mask_bias: torch.Tensor | None = None):
        hidden_states, _ = self.self_attn(
            hidden_states, attention_mask=attention_mask, past_key_values=past_key_values, mask_bias=mask_bias
        )
        return hidden_states


class TinyModel:
    def forward(
        self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, use_cache=None, **kwargs
    ):
        hidden_states = self.embed_tokens(input_ids)
        bias = self.bias
        causal_mask = create_causal_mask(
            config=self.config,
            inputs_embeds=hidden_states,
            attention_mask=attention_mask,
            past_key_values=past_key_values,
        )
        mask_bias = None
        if bias is not None:
            bias = bias.unsqueeze(0)
            mask_bias = bias / 2
        for layer in self.layers:
            hidden_states = layer(
                hidden_states, attention_mask=causal_mask, past_key_values=past_key_values, mask_bias=mask_bias
            )
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
