def biased_dropout_sum(x, bias, prob, residual=None, training=False):
    """Add a bias, drop out, add the residual.

    Args:
        bias (Tensor): None where the layer has none
        prob (float): how much is dropped
        training (bool): whether anything is
    """
    if bias is not None:
        x = x + bias
    out = nn.functional.dropout(x, p=prob, training=training)
    if residual is not None:
        out = residual + out
    return out


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, past_key_values=None, **kwargs):
        output, bias = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        output = biased_dropout_sum(output, bias, self.hidden_dropout, hidden_states, training=self.training)
        return biased_dropout_sum(output, bias=None, prob=self.hidden_dropout, training=self.training)
