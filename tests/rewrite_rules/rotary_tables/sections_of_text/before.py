class TinyRotaryEmbedding(nn.Module):
    def __init__(self, config):
        self.config = config
        self.rope_type = config.rope_parameters["rope_type"]
        self.inv_freq = config.inv_freq
        self.mrope_section = config.rope_parameters["mrope_section"]

    @dynamic_rope_update
    def forward(self, x, position_ids):
        position_ids = position_ids.expand(3, -1, -1)
        freqs = position_ids[..., None].float() * self.inv_freq.to(device=x.device)
        cos = self.in_sections(freqs.cos())
        sin = self.in_sections(freqs.sin())
        return cos.to(dtype=x.dtype), sin.to(dtype=x.dtype)

    def in_sections(self, freq):
        freq = torch.cat([m[i % 3] for i, m in enumerate(freq.split(self.mrope_section, dim=-1))], dim=-1)
        return freq.repeat_interleave(2, dim=-1)
