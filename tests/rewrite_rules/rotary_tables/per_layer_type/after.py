class TinyRotaryEmbedding:
    def __qeff_init__(self):
        position_ids = torch.arange(self.config.max_position_embeddings).unsqueeze(0)
        for layer_type in self.rope_type:
            inv_freq = getattr(self, f"{layer_type}_inv_freq")
            cos, sin = super().forward(inv_freq, position_ids.to(inv_freq.device), layer_type)
            if self.rope_type[layer_type] == "longrope":
                # Calls that end below the original context take the short factors; their rows follow the long ones.
                long_from = self.config.rope_parameters[layer_type]["original_max_position_embeddings"]
                short_cos, short_sin = super().forward(inv_freq, position_ids[:, :long_from], layer_type)
                cos, sin = torch.cat((cos, short_cos), dim=1), torch.cat((sin, short_sin), dim=1)
            self.register_buffer(f"{layer_type}_cos_cached", cos.squeeze(0), persistent=False)
            self.register_buffer(f"{layer_type}_sin_cached", sin.squeeze(0), persistent=False)

    def forward(self, x, position_ids, layer_type=None):
        if self.rope_type[layer_type] == "longrope":
            long_from = self.config.rope_parameters[layer_type]["original_max_position_embeddings"]
            is_short = position_ids.amax(dim=1, keepdim=True) < long_from
            position_ids = torch.where(is_short, position_ids + self.config.max_position_embeddings, position_ids)
        cos, sin = getattr(self, f"{layer_type}_cos_cached"), getattr(self, f"{layer_type}_sin_cached")
        return cos[position_ids].to(dtype=x.dtype), sin[position_ids].to(dtype=x.dtype)
