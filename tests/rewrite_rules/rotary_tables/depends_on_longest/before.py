class TinyRotaryEmbedding(nn.Module):
    def __init__(self, config):
        self.config = config
        self.rope_type = config.rope_parameters["rope_type"]
        self.inv_freq = config.inv_freq

    def forward(self, x, position_ids):
        seq_len = torch.max(position_ids) + 1
        self.rescale(seq_len)
        freqs = position_ids[..., None].float() * self.inv_freq.to(device=x.device)
        return freqs.cos().to(dtype=x.dtype), freqs.sin().to(dtype=x.dtype)
