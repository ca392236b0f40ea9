class TinyAttention:
    def forward(
        self, hidden_states, attention_mask=None, past_key_values=None, **kwargs
    ) -> (
        tuple[torch.Tensor, torch.Tensor | None, Cache] | tuple[torch.Tensor, torch.Tensor | None, torch.Tensor, Cache]
    ):
        key_states, value_states = self.kv_proj(hidden_states).chunk(2, dim=-1)
        key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx)
        return self.attend(hidden_states, key_states, value_states, attention_mask), None, past_key_values
