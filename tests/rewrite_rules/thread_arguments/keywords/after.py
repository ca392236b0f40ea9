class TinyAttention:
    def forward(
        self,
        hidden_states,
        attention_mask=None,
        past_key_values=None,
        position_ids: torch.LongTensor | None = None,
        batch_index: torch.LongTensor | None = None,
        **kwargs,
    ):
        key_states, value_states = self.kv_proj(hidden_states).chunk(2, dim=-1)
        key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx)
        return self.attend(hidden_states, key_states, value_states, attention_mask), None


class TinyDecoderLayer:
    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
        position_ids: torch.LongTensor | None = None,
        batch_index: torch.LongTensor | None = None,
    ) -> torch.Tensor:
        hidden_states, _ = self.self_attn(
            hidden_states,
            attention_mask=attention_mask,  # a comment that stays where it is
            past_key_values=past_key_values,
            position_ids=position_ids,
            batch_index=batch_index,
        )
        return hidden_states
