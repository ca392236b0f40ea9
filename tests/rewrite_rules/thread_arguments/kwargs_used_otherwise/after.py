class TinyDecoderLayer:
    def forward(
        self,
        hidden_states,
        attention_mask=None,
        past_key_values=None,
        position_ids: torch.LongTensor | None = None,
        batch_index: torch.LongTensor | None = None,
        **kwargs,
    ):
        hidden_states, _ = self.self_attn(
            hidden_states,
            attention_mask=attention_mask,
            past_key_values=past_key_values,
            position_ids=position_ids,
            batch_index=batch_index,
            **kwargs,
        )
        return hidden_states + self.mlp(hidden_states, **kwargs)
