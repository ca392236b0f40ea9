class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        self.layer_idx = layer_idx

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, cache_position=None, **kwargs):
        input_shape = hidden_states.shape[:-1]
        query, key, value = self.qkv_proj(hidden_states).chunk(3, dim=-1)
        if self.scales:
            # long contexts are sharper
            scales = torch.log1p(torch.floor((cache_position.float() + 1.0) / self.floor)) * self.scale + 1.0
            scales = scales.view((1, input_shape[-1], 1, 1)).expand((*input_shape, 1, 1))
            query = (query * scales).to(query.dtype)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        attn_output, attn_weights = eager_attention_forward(self, query, key, value, attention_mask, 1.0)
        return attn_output, attn_weights
