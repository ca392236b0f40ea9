class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        batch_size, seq_len, _ = hidden_states.shape
        decodes = past_key_values is not None and past_key_values.has_previous_state(self.layer_idx) and seq_len == 1
        x, dt, B, C = torch.split(hidden_states, self.sizes, dim=-1)
        A = -torch.exp(self.A_log.float())
        # The states
        recurrent_state = past_key_values.get_recurrent_state(self.layer_idx)
        y, state = mamba2_scan(
            x.reshape(batch_size, seq_len, self.heads, self.head_dim),
            dt,
            A,
            B.reshape(batch_size, seq_len, self.groups, self.state_size),
            C.reshape(batch_size, seq_len, self.groups, self.state_size),
            D=self.D,
            dt_bias=self.dt_bias,
            dt_softplus=True,
            initial_states=recurrent_state,
            dt_limit=(self.least, float("inf")),
        )
        past_key_values.update_recurrent_state(state, self.layer_idx)
        y = y.reshape(batch_size, seq_len, -1)
        return self.out_proj(y)
