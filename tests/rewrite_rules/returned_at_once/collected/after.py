class TinyDecoderLayer:
    def forward(self, hidden_states, past_key_values=None, **kwargs):
        residual = hidden_states
        hidden_states, _ = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)

        return (residual + hidden_states,)
