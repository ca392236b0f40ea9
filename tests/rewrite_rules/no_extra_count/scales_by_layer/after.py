class TinyAttention:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        input_shape = hidden_states.shape[:-1]
        query, key, value = self.qkv_proj(hidden_states).chunk(3, dim=-1)
        if self.scales:
            # long contexts are sharper
            past_seen_tokens = past_key_values.get_seq_length(self.layer_idx) if past_key_values is not None else 0
            positions = torch.arange(hidden_states.shape[1], device=hidden_states.device) + past_seen_tokens
            scales = torch.log1p(torch.floor((positions.float() + 1.0) / self.floor)) * self.scale + 1.0
            scales = scales.view((1, input_shape[-1], 1, 1)).expand((*input_shape, 1, 1))
            query = (query * scales).to(query.dtype)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        attn_output, attn_weights = eager_attention_forward(self, query, key, value, attention_mask, 1.0)
        return attn_output, attn_weights
