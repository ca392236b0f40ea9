class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, position_ids=None):
        query = key = value = hidden_states
        key, value = past_key_values.update(key, value, self.layer_idx)
        if is_torch_fx_proxy(position_ids) or torch.jit.is_tracing():
            table = traced_table(self.table, position_ids)
        else:
            table = self._rows(position_ids)
        return value * table, None
