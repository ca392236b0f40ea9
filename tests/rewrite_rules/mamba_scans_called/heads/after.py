class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        batch_size, seq_len, _ = hidden_states.shape
        recurrent_state = past_key_values.get_recurrent_state(self.layer_idx)
        x, step, A, B, C = self.by_heads(hidden_states)
        scan_outputs, final_states = [], []
        for head_idx in range(self.n_mamba_heads):
            scan_output, ssm_state = mamba_scan(
                x[head_idx],
                step[head_idx],
                A[head_idx],
                B[head_idx].transpose(1, 2),
                C[head_idx].transpose(1, 2),
                initial_state=recurrent_state[:, head_idx : head_idx + 1] if recurrent_state is not None else None,
            )
            scan_outputs.append(scan_output)
            final_states.append(ssm_state)
        scan_output = torch.stack(scan_outputs, dim=0)
        ssm_state = torch.cat(final_states, dim=1)
        past_key_values.update_recurrent_state(ssm_state, self.layer_idx)
        return scan_output
