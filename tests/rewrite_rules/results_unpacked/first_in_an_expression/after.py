class TinyDecoderLayer:
    def forward(self, hidden_states, past_key_values=None, **kwargs):
        attn_outputs, _ = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        attn_output = self.output(attn_outputs, hidden_states)
        return (attn_output,)
