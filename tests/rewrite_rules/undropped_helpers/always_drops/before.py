def noisy_sum(x, residual, prob):
    return residual + nn.functional.dropout(x, p=prob)


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, past_key_values=None, **kwargs):
        output, _ = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        return noisy_sum(output, hidden_states, self.hidden_dropout)
