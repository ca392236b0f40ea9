class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        self.layer_idx = layer_idx

    def forward(
        self, hidden_states, attention_mask=None, past_key_values=None, **kwargs
    ) -> tuple[torch.Tensor, torch.Tensor | None] | tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
        key_states, value_states = self.kv_proj(hidden_states).chunk(2, dim=-1)
        key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx)
        return self.attend(hidden_states, key_states, value_states, attention_mask), None
