class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.is_causal = True

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        query = key = value = hidden_states
        key, value = past_key_values.update(key, value, self.layer_idx)
        use_sdpa = self.config.attn_implementation == "sdpa" and attention_mask is not None
        if use_sdpa:
            return nn.functional.scaled_dot_product_attention(query, key, value, attention_mask), None
        attn_weights = torch.matmul(query, key.transpose(-1, -2)) + attention_mask
        return torch.matmul(attn_weights.softmax(-1), value), attn_weights
