class TinyRotaryEmbedding:
    def __qeff_init__(self):
        position_ids = torch.arange(self.config.max_position_embeddings, device=self.inv_freq.device).unsqueeze(0)
        cos, sin = super().forward(self.inv_freq, position_ids)
        if self.rope_type == "longrope":
            # Calls that end below the original context take the short factors; their rows follow the long ones.
            long_from = self.config.rope_parameters["original_max_position_embeddings"]
            short_cos, short_sin = super().forward(self.inv_freq, position_ids[:, :long_from])
            cos, sin = torch.cat((cos, short_cos), dim=1), torch.cat((sin, short_sin), dim=1)
            self.long_from = long_from
        self.register_buffer("cos_cached", cos.squeeze(0), persistent=False)
        self.register_buffer("sin_cached", sin.squeeze(0), persistent=False)

    def forward(self, x, position_ids):
        if self.rope_type == "longrope":
            is_short = position_ids.amax(dim=1, keepdim=True) < self.long_from
            position_ids = torch.where(is_short, position_ids + self.config.max_position_embeddings, position_ids)
        return self.cos_cached[position_ids].to(dtype=x.dtype), self.sin_cached[position_ids].to(dtype=x.dtype)
