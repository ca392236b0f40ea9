class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.table = sines_of_positions(config.max_position_embeddings, config.head_dim)

    def _rows(self, position_ids):
        table = self.table
        return table.repeat(position_ids.shape[0], 1, 1)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, position_ids=None):
        query = key = value = hidden_states
        key, value = past_key_values.update(key, value, self.layer_idx)
        table = self._rows(position_ids)
        index = position_ids.unsqueeze(-1).repeat(1, 1, table.shape[-1])
        rows = torch.gather(table, 1, index)
        return value * rows, None


def sines_of_positions(count, size):
    return torch.cat((torch.sin(torch.ones(count, size)), torch.cos(torch.ones(count, size))), dim=1)
