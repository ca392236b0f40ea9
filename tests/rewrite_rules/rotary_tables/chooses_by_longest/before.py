class TinyRotaryEmbedding(nn.Module):
    def __init__(self, config):
        self.config = config
        self.rope_type = config.rope_parameters["rope_type"]
        self.rope_init_fn = self.compute_default_rope_parameters
        if self.rope_type != "default":
            self.rope_init_fn = ROPE_INIT_FUNCTIONS[self.rope_type]
        self.inv_freq, _ = self.rope_init_fn(config)

    @staticmethod
    def compute_default_rope_parameters(config, device=None, seq_len=None):
        return config.inv_freq, 1.0

    @torch.no_grad()
    @dynamic_rope_update
    def forward(self, x, position_ids=None, layer_type=None):
        if layer_type is not None:
            raise ValueError("no layer types")
        scale = None
        seq_len = torch.max(position_ids) + 1
        if self.config.rope_parameters["rope_type"] != "default" and seq_len:
            scale = 1.2 if seq_len > self.config.rope_parameters["original_max_position_embeddings"] else 1.1
        inv_freq, attention_scaling = self.rope_init_fn(self.config, x.device, seq_len)
        scale = attention_scaling if scale is None else scale
        freqs = position_ids[..., None].float() * inv_freq.to(device=x.device)
        cos = freqs.cos() * scale
        sin = freqs.sin() * scale
        return cos.to(x.dtype), sin.to(x.dtype)
