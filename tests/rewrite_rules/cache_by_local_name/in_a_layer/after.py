class TinyDecoderLayer:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, use_cache=False):
        hidden_states, _ = self.self_attn(hidden_states, attention_mask, past_key_values=past_key_values)
        return hidden_states
