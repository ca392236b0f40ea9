class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        self.layer_idx = layer_idx

    def forward(
        self, hidden_states, past_key_values=None, attention_mask=None, encoder_hidden_states=None, **kwargs
    ):
        is_cross_attention = encoder_hidden_states is not None
        if past_key_values is not None:
            if isinstance(past_key_values, EncoderDecoderCache):
                is_updated = past_key_values.is_updated.get(self.layer_idx)
                curr_past_key_values = past_key_values.self_attention_cache
            else:
                curr_past_key_values = past_key_values

        if is_cross_attention:
            key, value = self.kv_proj(encoder_hidden_states).chunk(2, dim=-1)
        else:
            # keys and values of this sequence
            key, value = self.kv_proj(hidden_states).chunk(2, dim=-1)

        if (past_key_values is not None and not is_cross_attention) or (
            past_key_values is not None and is_cross_attention and not is_updated
        ):
            key, value = curr_past_key_values.update(key, value, self.layer_idx)
            if is_cross_attention:
                past_key_values.is_updated[self.layer_idx] = True
        return self.attend(hidden_states, key, value, attention_mask), None


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.attn = TinyAttention(config, layer_idx)

    def forward(
        self, hidden_states, past_key_values=None, attention_mask=None, encoder_hidden_states=None, **kwargs
    ):
        hidden_states, _ = self.attn(hidden_states, past_key_values, attention_mask, encoder_hidden_states, **kwargs)
        if encoder_hidden_states is not None:
            hidden_states = hidden_states + self.crossattention(hidden_states, encoder_hidden_states)
        return hidden_states
