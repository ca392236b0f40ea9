class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.down_proj = nn.Linear(config.hidden_size, config.rank)
        self.up_proj = nn.Linear(config.rank, config.hidden_size)

    def expand(self, latent, rotated):
        batch_size, _, seq_length, _ = latent.shape
        latent = self.up_proj(latent)
        keys, values = torch.split(latent, [self.key_dim, self.value_dim], dim=-1)
        states = latent.new_empty(*latent.shape[:-1], self.head_dim)
        states[..., : self.key_dim].copy_(keys)
        states[..., self.key_dim :].copy_(rotated)
        return states, values

    def forward(self, hidden_states, position_embeddings, attention_mask=None, past_key_values=None, **kwargs):
        query_states = hidden_states
        latent, rotated = self.down_proj(hidden_states).chunk(2, dim=-1)
        if past_key_values is not None:
            latent, rotated = past_key_values.update(latent, rotated, self.layer_idx)
        attn_output, attn_weights = self.expand(latent, rotated)
        return attn_output, attn_weights
