class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.intermediate_size = config.intermediate_size
        self.ssm_state_size = config.state_size

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        batch_size, seq_len, _ = hidden_states.shape
        dtype = hidden_states.dtype
        hidden_states = hidden_states.transpose(1, 2)
        if past_key_values.has_previous_state(self.layer_idx):
            ssm_state = past_key_values.layers[self.layer_idx].recurrent_states.clone()
        else:
            ssm_state = torch.ones(
                (batch_size, self.intermediate_size, self.ssm_state_size), device=hidden_states.device, dtype=dtype
            )
        time_step, B, C = self.x_proj(hidden_states.transpose(1, 2)).split(self.sizes, dim=-1)
        time_step = nn.functional.softplus(self.dt_proj(time_step)).transpose(1, 2)
        A = -torch.exp(self.A_log.float())
        discrete_A = torch.exp(A[None, :, None, :] * time_step[:, :, :, None])
        discrete_B = time_step[:, :, :, None] * B[:, None, :, :].float()
        deltaB_u = discrete_B * hidden_states[:, :, :, None].float()
        # One token after the other
        scan_outputs = []
        for i in range(seq_len):
            ssm_state = discrete_A[:, :, i, :] * ssm_state + deltaB_u[:, :, i, :]
            scan_output = torch.matmul(ssm_state.to(dtype), C[:, i, :].unsqueeze(-1))
            scan_outputs.append(scan_output[:, :, 0])
        scan_output = torch.stack(scan_outputs, dim=-1)
        scan_output = scan_output + (hidden_states * self.D[None, :, None])
        past_key_values.update_recurrent_state(ssm_state, self.layer_idx)
        return scan_output.transpose(1, 2)
