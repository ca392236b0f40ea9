class TinyDecoderLayer:
    def forward(
        self,
        hidden_states,
        past_key_values: Cache | None = None,
        **kwargs,
    ):
        hidden_states, _ = self.self_attn(
            hidden_states,
            past_key_values=past_key_values,
            **kwargs,
        )
        return hidden_states
