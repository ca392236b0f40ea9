class TinyDecoderLayer:
    def forward(self, hidden_states, past_key_values=None, **kwargs):
        attn_outputs, _ = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        hidden_states, rest = attn_outputs
        return hidden_states + rest
