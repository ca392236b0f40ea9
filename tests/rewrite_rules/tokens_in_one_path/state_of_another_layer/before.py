class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.conv_kernel_size = config.conv_kernel_size
        self.conv = nn.Conv1d(4, 4, self.conv_kernel_size)

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        seq_len = hidden_states.shape[1]
        conv_state = past_key_values.get_conv_state(0, state_idx=0)
        if conv_state is not None and seq_len == 1 and not past_key_values.is_recording_past(self.layer_idx):
            hidden_states = causal_conv1d_update(
                hidden_states, conv_state, self.conv.weight.squeeze(1), self.conv.bias, "silu"
            )
        else:
            hidden_states = past_key_values.update_conv_state(
                hidden_states, self.layer_idx, conv_kernel_size=self.conv_kernel_size
            )
            # All columns
            hidden_states = causal_conv1d_fn(
                hidden_states, self.conv.weight.squeeze(1), self.conv.bias, activation="silu", **kwargs
            )
            hidden_states = hidden_states[:, :, -seq_len:]
        return hidden_states
