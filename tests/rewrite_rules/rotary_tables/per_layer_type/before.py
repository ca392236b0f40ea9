class TinyRotaryEmbedding(nn.Module):
    def __init__(self, config):
        self.config = config
        self.rope_type = {}
        for layer_type in set(config.layer_types):
            self.rope_type[layer_type] = config.rope_parameters[layer_type]["rope_type"]
            self.register_buffer(f"{layer_type}_inv_freq", rope_init_fn(config, layer_type), persistent=False)

    @torch.no_grad()
    @dynamic_rope_update
    def forward(self, x, position_ids, layer_type=None):
        inv_freq = getattr(self, f"{layer_type}_inv_freq")
        freqs = position_ids[..., None].float() * inv_freq.to(device=x.device)
        return freqs.cos().to(dtype=x.dtype), freqs.sin().to(dtype=x.dtype)
