class TinyDecoderLayer:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        # The cache is not kept while checkpointing.
        hidden_states, _ = self.self_attn(
            hidden_states,
            attention_mask=attention_mask,
            past_key_values=past_key_values,
            dropout=0.0,
            **kwargs,
        )
        return hidden_states
