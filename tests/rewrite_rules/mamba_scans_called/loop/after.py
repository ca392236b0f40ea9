class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        batch_size, seq_len, _ = hidden_states.shape
        hidden_states = hidden_states.transpose(1, 2)
        recurrent_state = past_key_values.get_recurrent_state(self.layer_idx)
        time_step, B, C = self.x_proj(hidden_states.transpose(1, 2)).split(self.sizes, dim=-1)
        time_step = nn.functional.softplus(self.dt_proj(time_step)).transpose(1, 2)
        A = -torch.exp(self.A_log.float())
        scan_output, ssm_state = mamba_scan(
            hidden_states, time_step, A, B.transpose(1, 2), C.transpose(1, 2), initial_state=recurrent_state
        )
        scan_output = scan_output + (hidden_states * self.D[None, :, None])
        past_key_values.update_recurrent_state(ssm_state, self.layer_idx)
        return scan_output.transpose(1, 2)
