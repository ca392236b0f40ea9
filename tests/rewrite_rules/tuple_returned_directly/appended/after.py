class TinyDecoderLayer:
    def forward(self, hidden_states, past_key_values=None, output_attentions=False, **kwargs):
        hidden_states, attn_weights = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        return (hidden_states,)
