class TinyRotaryEmbedding:
    def __qeff_init__(self):
        position_ids = torch.arange(self.config.max_position_embeddings, device=self.inv_freq.device).unsqueeze(0)
        cos, sin = super().forward(self.inv_freq, position_ids)
        if self.rope_type == "longrope":
            # Calls that end below the original context take the short factors; their rows follow the long ones.
            long_from = self.config.rope_parameters["original_max_position_embeddings"]
            short_cos, short_sin = super().forward(self.inv_freq, position_ids[:, :long_from])
            cos, sin = torch.cat((cos, short_cos), dim=1), torch.cat((sin, short_sin), dim=1)
            self.long_from = long_from
        self.register_buffer("cos_cached", cos.squeeze(0), persistent=False)
        self.register_buffer("sin_cached", sin.squeeze(0), persistent=False)
        # A feature turns by the positions of one kind: the one whose position alone moves it, as its sine shows.
        alone = torch.eye(3, dtype=torch.int64, device=self.inv_freq.device).unsqueeze(1)
        _, moved = super().forward(self.inv_freq, alone)
        kind_of_feature = moved.squeeze(0).abs().argmax(dim=0)
        of_kind = torch.arange(3, device=kind_of_feature.device).view(-1, 1, 1, 1) == kind_of_feature
        self.register_buffer("of_kind", of_kind.to(cos.dtype), persistent=False)

    def forward(self, x, position_ids):
        if self.rope_type == "longrope":
            is_short = position_ids.amax(dim=(0, 2), keepdim=True) < self.long_from
            position_ids = torch.where(is_short, position_ids + self.config.max_position_embeddings, position_ids)
        cos = (self.cos_cached[position_ids] * self.of_kind).sum(dim=0)
        sin = (self.sin_cached[position_ids] * self.of_kind).sum(dim=0)
        return cos.to(dtype=x.dtype), sin.to(dtype=x.dtype)
