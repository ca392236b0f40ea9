class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        self.layer_idx = layer_idx

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        key_states, value_states = self.kv_proj(hidden_states).chunk(2, dim=-1)
        key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx)
        return self.attend(hidden_states, key_states, value_states, attention_mask), None


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
    ) -> torch.Tensor:
        hidden_states, _ = self.self_attn(
            hidden_states,
            attention_mask=attention_mask,  # a comment that stays where it is
            past_key_values=past_key_values,
        )
        return hidden_states
