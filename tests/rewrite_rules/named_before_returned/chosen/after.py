class TinyChosenAttention:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        # One of several.
        attn_output, attn_weights = self.attention(
            hidden_states, attention_mask=attention_mask, past_key_values=past_key_values, **kwargs
        )
        return attn_output, attn_weights
