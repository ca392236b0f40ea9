def biased_dropout_sum(x, bias, residual=None):
    """Add a bias, drop out, add the residual.

    Args:
        bias (Tensor): None where the layer has none
    """
    if bias is not None:
        x = x + bias
    out = x
    if residual is not None:
        out = residual + out
    return out


class TinyDecoderLayer:
    def forward(self, hidden_states, past_key_values=None, **kwargs):
        output, bias = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        output = biased_dropout_sum(output, bias, hidden_states)
        return biased_dropout_sum(output, bias=None)
