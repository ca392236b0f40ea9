class TinyRotaryEmbedding(nn.Module):
    def __init__(self, config):
        self.config = config
        self.rope_type = config.rope_parameters["rope_type"]
        self.inv_freq = config.inv_freq

    def forward(self, x, position_ids):
        freqs = position_ids[..., None].float() * self.inv_freq.to(device=x.device)
        return freqs.cos().to(dtype=x.dtype), freqs.sin().to(dtype=x.dtype)

    @property
    def cos_cached(self):
        return self._cos_cached
