def auto_docstring(function):
    return lambda *args, **kwargs: tuple(2 * item for item in function(*args, **kwargs))


class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx

    @staticmethod
    def _merge(value):
        return value.flatten(-2)

    @auto_docstring
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        query = key = value = hidden_states
        key, value = past_key_values.update(key, value, self.layer_idx)
        return self._merge(value), None
