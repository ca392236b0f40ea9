class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx

    def _attn(self, query, key, value, attention_mask=None, head_mask=None):
        attn_weights = torch.matmul(query, key.transpose(-1, -2)) + attention_mask
        attn_weights = nn.functional.softmax(attn_weights, dim=-1)
        # Mask heads if we want to
        if head_mask is not None:
            attn_weights = attn_weights * head_mask
        return torch.matmul(attn_weights, value), attn_weights

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, head_mask=None, **kwargs):
        query = key = value = hidden_states
        key, value = past_key_values.update(key, value, self.layer_idx)
        return self._attn(query, key, value, attention_mask, head_mask)


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(
        self,
        hidden_states,
        attention_mask=None,
        layer_head_mask: torch.Tensor | None = None,
        past_key_values=None,
    ):
        hidden_states, _ = self.self_attn(
            hidden_states, attention_mask, past_key_values=past_key_values, head_mask=layer_head_mask
        )
        return hidden_states


class TinyModel(PreTrainedModel):
    def __init__(self, config):
        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])

    def forward(self, input_ids, attention_mask=None, past_key_values=None, head_mask=None):
        hidden_states = self.embed_tokens(input_ids)
        for attn_mask, mask_name in zip([head_mask], ["head_mask"]):
            if attn_mask is not None:
                if attn_mask.size()[0] != len(self.layers):
                    raise ValueError(f"`{mask_name}` is not for {len(self.layers)} layers")
        for i, layer in enumerate(self.layers):
            hidden_states = layer(hidden_states, attention_mask, (head_mask[i] if head_mask is not None else None), past_key_values=past_key_values)
        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)
