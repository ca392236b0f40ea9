class TinyWrapper:
    def forward(self, hidden_states, past_key_values=None, **kwargs):
        residual = hidden_states
        hidden_states, _, past_key_values = self.attn(
            self.norm(hidden_states), past_key_values=past_key_values, **kwargs
        )
        return residual, residual + hidden_states, past_key_values


class TinyDecoderLayer:
    def forward(self, hidden_states, past_key_values=None, **kwargs):
        residual, hidden_states, past_key_values = self.wrapper(
            hidden_states, past_key_values=past_key_values, **kwargs
        )
        return residual + hidden_states, past_key_values
