class TinyRotaryEmbedding:
    def __qeff_init__(self):
        position_ids = torch.arange(self.config.max_position_embeddings, device=self.inv_freq.device).unsqueeze(0)
        cos, sin = super().forward(self.inv_freq, position_ids)
        self.register_buffer("cos_table", cos.squeeze(0), persistent=False)
        self.register_buffer("sin_table", sin.squeeze(0), persistent=False)

    def forward(self, x, position_ids):
        return self.cos_table[position_ids].to(dtype=x.dtype), self.sin_table[position_ids].to(dtype=x.dtype)
