class TinyDecoderLayer:
    def forward(self, hidden_states, past_key_values=None, **kwargs):
        output, _ = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        output = hidden_states + output
        return scale_with_dropout(output, hidden_states, 0.1, training=self.training)
