class TinyAttention:
    def _rows(self, position_ids):
        table = self.table
        return table

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, position_ids=None):
        query = key = value = hidden_states
        key, value = past_key_values.update(key, value, self.layer_idx)
        table = self._rows(position_ids)
        rows = table[position_ids]
        return value * rows, None

    def __qeff_init__(self):
        table = self.table
        del self.table
        self.register_buffer("table", table, persistent=False)
