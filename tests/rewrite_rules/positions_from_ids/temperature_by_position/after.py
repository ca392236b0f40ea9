class TinyAttention:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        input_shape = hidden_states.shape[:-1]
        query, key, value = self.qkv_proj(hidden_states).chunk(3, dim=-1)
        if self.attn_temperature_tuning:
            positions = position_ids
            attn_scales = torch.log1p(torch.floor((positions.float() + 1.0) / self.floor_scale)) + 1.0
            attn_scales = attn_scales.view((*input_shape, 1, 1))
            query = query * attn_scales
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        return self.attend(query, key, value, attention_mask), None
