class TinyRotaryEmbedding:
    def __qeff_init__(self):
        position_ids = torch.arange(self.config.max_position_embeddings, device=self.inv_freq.device).unsqueeze(0)
        # Real and imaginary part side by side: ONNX has no complex numbers.
        freqs_cis = torch.view_as_real(super().forward(self.inv_freq, position_ids))
        if self.rope_type == "longrope":
            # Calls that end below the original context take the short factors; their rows follow the long ones.
            long_from = self.config.rope_parameters["original_max_position_embeddings"]
            short_freqs_cis = torch.view_as_real(super().forward(self.inv_freq, position_ids[:, :long_from]))
            freqs_cis = torch.cat((freqs_cis, short_freqs_cis), dim=1)
            self.long_from = long_from
        self.register_buffer("freqs_cis_cached", freqs_cis.squeeze(0), persistent=False)

    def forward(self, x, position_ids):
        if self.rope_type == "longrope":
            is_short = position_ids.amax(dim=1, keepdim=True) < self.long_from
            position_ids = torch.where(is_short, position_ids + self.config.max_position_embeddings, position_ids)
        return self.freqs_cis_cached[position_ids]
