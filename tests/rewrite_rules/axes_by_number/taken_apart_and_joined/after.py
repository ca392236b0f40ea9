class TinyAttention:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        qkv = hidden_states.unflatten(2, (-1, 2 + self.groups, self.head_dim))
        query = qkv[..., : self.groups, :].flatten(2, 3).transpose(1, 2)
        key, value = qkv[..., -2, :].transpose(1, 2), qkv[..., -1, :].transpose(1, 2)
        key, value = past_key_values.update(key, value, self.layer_idx)
        attn_weights = torch.matmul(query, key.transpose(-1, -2)) + attention_mask
        return torch.matmul(attn_weights.softmax(-1), value), attn_weights
