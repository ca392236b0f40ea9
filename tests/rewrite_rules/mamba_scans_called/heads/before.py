class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.n_mamba_heads = config.n_mamba_heads
        self.mamba_head_dim = config.mamba_head_dim
        self.ssm_state_size = config.state_size

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        batch_size, seq_len, _ = hidden_states.shape
        dtype = hidden_states.dtype
        if past_key_values.has_previous_state(self.layer_idx):
            ssm_state = past_key_values.layers[self.layer_idx].recurrent_states.clone()
        else:
            ssm_state = torch.zeros(
                (batch_size, self.n_mamba_heads, self.mamba_head_dim, self.ssm_state_size),
                device=hidden_states.device,
                dtype=dtype,
            )
        x, step, A, B, C = self.by_heads(hidden_states)
        discrete_A = torch.exp(A[:, None, :, None, :] * step[:, :, :, :, None])
        discrete_B = step[:, :, :, :, None] * B[:, :, None, :, :].float()
        deltaB_u = discrete_B * x[:, :, :, :, None].float()
        scan_outputs = []
        for i in range(seq_len):
            ssm_state = discrete_A[:, :, :, i, :].transpose(0, 1) * ssm_state + deltaB_u[:, :, :, i, :].transpose(0, 1)
            scan_output = torch.matmul(ssm_state.transpose(0, 1).to(dtype), C[:, :, i, :].unsqueeze(-1))
            scan_outputs.append(scan_output[:, :, :, 0])
        scan_output = torch.stack(scan_outputs, dim=-1)
        past_key_values.update_recurrent_state(ssm_state, self.layer_idx)
        return scan_output
