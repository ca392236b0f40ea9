class TinyRotaryEmbedding(nn.Module):
    def __init__(self, config):
        self.config = config
        self.rope_type = config.rope_parameters["rope_type"]
        self.rope_init_fn = ROPE_INIT_FUNCTIONS[self.rope_type]
        self.inv_freq, _ = self.rope_init_fn(config)

    def forward(self, x, position_ids):
        seq_len = torch.max(position_ids) + 1
        scale = 1.2 if seq_len > 2 * self.config.rope_parameters["original_max_position_embeddings"] else 1.1
        inv_freq, _ = self.rope_init_fn(self.config, x.device, seq_len)
        freqs = position_ids[..., None].float() * inv_freq.to(device=x.device)
        cos = freqs.cos() * scale
        sin = freqs.sin() * scale
        return cos.to(x.dtype), sin.to(x.dtype)
