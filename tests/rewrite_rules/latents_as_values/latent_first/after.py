class TinyAttention:
    def forward(self, hidden_states, position_embeddings, attention_mask=None, past_key_values=None, **kwargs):
        query_states = hidden_states
        latent, rotated = self.down_proj(hidden_states).chunk(2, dim=-1)
        if past_key_values is not None:
            rotated, latent = past_key_values.update(rotated, latent, self.layer_idx)
        key_states, value_states = self.expand(latent, rotated)
        attn_output, attn_weights = eager_attention_forward(
            self, query_states, key_states, value_states, attention_mask, scaling=1.0
        )
        return attn_output, attn_weights
