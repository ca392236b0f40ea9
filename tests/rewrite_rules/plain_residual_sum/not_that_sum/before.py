def add_with_dropout(x, residual, prob, training):
    """Drop out, then add."""
    out = nn.functional.dropout(x, p=prob, training=training)
    out = residual + out
    return out


@doubled
def scale_with_dropout(x, residual, prob, training):
    out = nn.functional.dropout(x, p=prob, training=training)
    out = residual + out
    return out


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, past_key_values=None, **kwargs):
        output, _ = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        output = add_with_dropout(output, hidden_states, 0.1, training=True)
        return scale_with_dropout(output, hidden_states, 0.1, training=self.training)
