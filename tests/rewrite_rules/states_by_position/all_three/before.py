class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.conv_kernel_size = config.conv_kernel_size
        self.conv = nn.Conv1d(4, 4, self.conv_kernel_size)

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        # The state
        recurrent_state = past_key_values.get_recurrent_state(self.layer_idx, state_idx=0)
        hidden_states = past_key_values.update_conv_state(
            hidden_states, self.layer_idx, conv_kernel_size=self.conv_kernel_size
        )
        result = mamba_selective_scan(
            hidden_states,
            hidden_states,
            self.A,
            self.B,
            self.C,
            D=self.D.float(),
            z=None,
            delta_bias=self.bias,
            delta_softplus=True,
            return_last_state=True,
            use_mambapy=self.use_mambapy,
        )
        output, final_state = result
        past_key_values.update_recurrent_state(final_state, layer_idx=self.layer_idx)
        return output.view(1, -1)
