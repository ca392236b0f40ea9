def dropout_sum(x, residual, prob, training):
    return residual + nn.functional.dropout(x, p=prob, training=training)


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, past_key_values=None, **kwargs):
        output, _ = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        return dropout_sum(output, hidden_states, self.hidden_dropout, True)
