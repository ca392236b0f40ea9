class TinyDecoderLayer:
    def forward(self, hidden_states: torch.Tensor, past_key_values=None, **kwargs) -> tuple[torch.Tensor, Cache]:
        residual = hidden_states
        hidden_states, _, past_key_values = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        hidden_states = residual + hidden_states
        return hidden_states, past_key_values
