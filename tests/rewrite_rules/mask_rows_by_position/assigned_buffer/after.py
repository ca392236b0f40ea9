class TinyAttention:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        query, key, value = self.qkv_proj(hidden_states).chunk(3, dim=-1)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        return self.attend(query, key, value, attention_mask, position_ids=position_ids), None

    def attend(self, query, key, value, attention_mask, position_ids: torch.LongTensor | None = None):
        scores = torch.matmul(query, key.transpose(-1, -2))
        key_length = key.size(-2)
        inside = self.window[0, 0, :, :key_length][position_ids].unsqueeze(1)
        scores = torch.where(inside, scores, torch.finfo(scores.dtype).min) + attention_mask
        return torch.matmul(scores.softmax(dim=-1), value)
