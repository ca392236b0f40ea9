class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.in_proj = nn.Linear(4, 4)

    def kernels_forward(self, hidden_states, past_key_values=None, attention_mask=None):
        return kernels(self.in_proj(hidden_states))

    def slow_forward(self, hidden_states, past_key_values=None, attention_mask=None):
        projected = self.in_proj(hidden_states)
        past_key_values.update_recurrent_state(projected, self.layer_idx)
        return projected

    def forward(self, hidden_states, past_key_values=None, attention_mask=None):
        if self.config.use_kernels and (not kernels or "cuda" not in self.in_proj.weight.device.type):
            self.config.use_kernels = False
        if self.config.use_kernels:
            return self.kernels_forward(hidden_states, past_key_values, attention_mask)
        return self.slow_forward(hidden_states, past_key_values, attention_mask)
