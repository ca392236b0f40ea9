class TinyAttention:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        query = hidden_states.repeat_interleave(4, dim=2).unflatten(2, (-1, self.head_dim)).permute(0, 2, 1, 3)
        key = value = hidden_states.unflatten(2, (-1, self.head_dim)).permute(0, 2, 1, 3).repeat_interleave(4, dim=1)
        key, value = past_key_values.update(key, value, self.layer_idx)
        attn_weights = torch.matmul(query, key.transpose(-1, -2)) + attention_mask
        return torch.matmul(attn_weights.softmax(-1), value), attn_weights
