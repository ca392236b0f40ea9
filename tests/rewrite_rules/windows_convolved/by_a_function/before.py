def torch_causal_conv1d_update(hidden_states, conv_state, weight, bias=None, activation=None):
    _, hidden_size, seq_len = hidden_states.shape
    state_len = conv_state.shape[-1]

    hidden_states_new = torch.cat([conv_state, hidden_states], dim=-1).to(weight.dtype)
    conv_state.copy_(hidden_states_new[:, :, -state_len:])
    out = F.conv1d(hidden_states_new, weight.unsqueeze(1), bias, padding=0, groups=hidden_size)
    out = F.silu(out[:, :, -seq_len:])
    out = out.to(hidden_states.dtype)
    return out


class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.activation = config.hidden_act
        self.conv_kernel_size = config.conv_kernel
        self.conv1d = nn.Conv1d(
            in_channels=4,
            out_channels=4,
            bias=False,
            kernel_size=self.conv_kernel_size,
            groups=4,
            padding=self.conv_kernel_size - 1,
        )

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        batch_size, seq_len, _ = hidden_states.shape
        was_called = past_key_values is not None and past_key_values.has_previous_state(self.layer_idx) and seq_len == 1
        if was_called:
            conv_state = past_key_values.layers[self.layer_idx].conv_states
        hidden_states = hidden_states.transpose(1, 2)
        if was_called:
            hidden_states = torch_causal_conv1d_update(
                hidden_states, conv_state, self.conv1d.weight.squeeze(1), self.conv1d.bias, self.activation
            )
        else:
            conv_state = F.pad(hidden_states, (self.conv_kernel_size - hidden_states.shape[-1], 0))
            conv_state = past_key_values.update_conv_state(conv_state, self.layer_idx)
            hidden_states = F.silu(self.conv1d(hidden_states)[:, :, :seq_len])
        return hidden_states.transpose(1, 2)
