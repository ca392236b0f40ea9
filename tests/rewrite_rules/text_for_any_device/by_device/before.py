class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.in_proj = nn.Linear(4, 4)

    def kernels_forward(self, hidden_states, past_key_values=None, attention_mask=None):
        return kernels(self.in_proj(hidden_states))

    def slow_forward(self, input_states, past_key_values=None, attention_mask=None):
        """In PyTorch."""
        # What goes in
        projected = self.in_proj(input_states)

        past_key_values.update_recurrent_state(projected, self.layer_idx)
        return projected

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        is_fast_path_available = all((kernels, more_kernels))
        if is_fast_path_available and "cuda" in self.in_proj.weight.device.type and not is_torchdynamo_compiling():
            return self.kernels_forward(hidden_states, past_key_values, attention_mask)
        dtype = hidden_states.dtype
        if attention_mask is not None and attention_mask.shape[1] > 1 and attention_mask.shape[0] > 1:
            hidden_states = (hidden_states * attention_mask[:, :, None]).to(dtype)
        return self.slow_forward(hidden_states, past_key_values, attention_mask)
