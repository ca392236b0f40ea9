class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.conv_kernel_size = config.conv_kernel_size
        self.conv = nn.Conv1d(4, 4, self.conv_kernel_size)

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        seq_len = hidden_states.shape[1]
        recurrent_state = past_key_values.get_recurrent_state(self.layer_idx, state_idx=0)
        time_step, B, C = self.x_proj(hidden_states).chunk(3, dim=-1)
        # Recurrent form
        if recurrent_state is not None and seq_len == 1:
            output = mamba_selective_state_update(
                recurrent_state,
                hidden_states.transpose(1, 2)[..., 0],
                time_step[..., 0],
                self.A,
                B[:, 0],
                C[:, 0],
                self.D,
                dt_bias=self.bias,
                dt_softplus=True,
            ).unsqueeze(-1)

        # Full sequence form
        else:
            result = mamba_selective_scan(
                hidden_states.transpose(1, 2),
                time_step,
                self.A,
                B.transpose(1, 2),
                C.transpose(1, 2),
                D=self.D.float(),
                delta_bias=self.bias,
                delta_softplus=True,
                return_last_state=True,
                use_mambapy=self.use_mambapy,
            )
            output, final_state = result
            past_key_values.update_recurrent_state(final_state, self.layer_idx)
        return output.view(1, -1)
