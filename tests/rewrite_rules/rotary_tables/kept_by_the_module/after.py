class TinyRotaryEmbedding:
    def forward(self, x, seq_len=None):
        return self.cos_cached.to(dtype=x.dtype), self.sin_cached.to(dtype=x.dtype)
