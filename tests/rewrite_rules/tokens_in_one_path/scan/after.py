class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        recurrent_state = past_key_values.get_recurrent_state(self.layer_idx, state_idx=0)
        time_step, B, C = self.x_proj(hidden_states).chunk(3, dim=-1)
        # Full sequence form
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
