class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        self.layer_idx = layer_idx
        positions = config.max_position_embeddings
        mask = torch.tril(torch.ones((positions, positions), dtype=bool)).view(
            1, 1, positions, positions
        )
        mask = torch.bitwise_xor(mask, torch.tril(mask, -config.window_size))
        self.window = nn.Buffer(mask, persistent=False)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        query, key, value = self.qkv_proj(hidden_states).chunk(3, dim=-1)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        return self.attend(query, key, value, attention_mask), None

    def attend(self, query, key, value, attention_mask):
        scores = torch.matmul(query, key.transpose(-1, -2))
        query_length, key_length = query.size(-2), key.size(-2)
        inside = self.window[:, :, key_length - query_length : key_length, :key_length]
        scores = torch.where(inside, scores, torch.finfo(scores.dtype).min) + attention_mask
        return torch.matmul(scores.softmax(dim=-1), value)
