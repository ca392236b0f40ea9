class TinyAttention:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        query = key = value = hidden_states
        key, value = past_key_values.update(key, value, self.layer_idx)
        scores = torch.matmul(query, key.transpose(-1, -2))
        if attention_mask.size() != scores.size():
            raise ValueError("the mask has another size")
        scores = torch.where(attention_mask, MIN_MASKED_ATTENTION_VALUE, scores)
        return torch.matmul(nn.functional.softmax(scores, dim=-1), value), scores
