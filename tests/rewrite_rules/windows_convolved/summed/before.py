class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.conv_kernel_size = config.conv_kernel
        self.use_conv_bias = config.use_conv_bias
        self.act = ACT2FN[config.hidden_act]
        self.conv1d = nn.Conv1d(
            in_channels=4,
            out_channels=4,
            bias=config.use_conv_bias,
            kernel_size=config.conv_kernel,
            groups=4,
            padding=config.conv_kernel - 1,
        )

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        batch_size, seq_len, _ = hidden_states.shape
        dtype = hidden_states.dtype
        hidden_states = hidden_states.transpose(1, 2)
        use_precomputed_states = (
            past_key_values is not None and past_key_values.has_previous_state(self.layer_idx) and seq_len == 1
        )

        # The convolution
        if use_precomputed_states:
            conv_states = past_key_values.update_conv_state(hidden_states, self.layer_idx)
            conv_states = conv_states.to(device=self.conv1d.weight.device)
            hidden_states = torch.sum(conv_states * self.conv1d.weight.squeeze(1), dim=-1)
            if self.use_conv_bias:
                hidden_states += self.conv1d.bias
            hidden_states = self.act(hidden_states).to(dtype)[:, None, ...]
        else:
            conv_states = nn.functional.pad(hidden_states, (self.conv_kernel_size - hidden_states.shape[-1], 0))
            conv_states = past_key_values.update_conv_state(conv_states, self.layer_idx)
            hidden_states = self.act(self.conv1d(hidden_states)[..., :seq_len].transpose(1, 2))
        return hidden_states
