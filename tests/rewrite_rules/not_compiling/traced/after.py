class TinyAttention:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, position_ids=None):
        query = key = value = hidden_states
        key, value = past_key_values.update(key, value, self.layer_idx)
        table = self._rows(position_ids)
        return value * table, None
