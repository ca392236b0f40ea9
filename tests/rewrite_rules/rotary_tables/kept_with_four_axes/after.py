class TinyRotaryEmbedding:
    def __qeff_init__(self):
        self.register_buffer("cos_cached", self.cos_cached[0, 0], persistent=False)
        self.register_buffer("sin_cached", self.sin_cached[0, 0], persistent=False)

    def forward(self, x, seq_len=None):
        return self.cos_cached.to(dtype=x.dtype), self.sin_cached.to(dtype=x.dtype)
