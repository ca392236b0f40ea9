class TinyRotaryEmbedding:
    def __qeff_init__(self):
        position_ids = torch.arange(self.max_position_embeddings, device=self.inv_freq.device).unsqueeze(0)
        cos, sin = super().forward(self.inv_freq, position_ids)
        self.register_buffer("cos_cached", cos.squeeze(0), persistent=False)
        self.register_buffer("sin_cached", sin.squeeze(0), persistent=False)

    def forward(self, x, position_ids):
        return self.cos_cached[position_ids].to(dtype=x.dtype), self.sin_cached[position_ids].to(dtype=x.dtype)


class TinyDynamicRotaryEmbedding:
    def __qeff_init__(self):
        position_ids = torch.arange(self.max_position_embeddings, device=self.inv_freq.device).unsqueeze(0)
        cos, sin = super().forward(self.inv_freq, position_ids)
        self.register_buffer("cos_cached", cos.squeeze(0), persistent=False)
        self.register_buffer("sin_cached", sin.squeeze(0), persistent=False)

    def forward(self, x, position_ids):
        return self.cos_cached[position_ids].to(dtype=x.dtype), self.sin_cached[position_ids].to(dtype=x.dtype)
