class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        # The state
        recurrent_state = past_key_values.get_recurrent_state(self.layer_idx, state_idx=0)
        hidden_states = past_key_values.update_conv_state(
            hidden_states, self.layer_idx, conv_kernel_size=self.conv_kernel_size
        )
        output, final_state = mamba_scan(
            hidden_states,
            hidden_states,
            self.A,
            self.B,
            self.C,
            D=self.D.float(),
            delta_bias=self.bias,
            delta_softplus=True,
            initial_state=recurrent_state,
            position_ids=position_ids,
        )
        past_key_values.update_recurrent_state(final_state, layer_idx=self.layer_idx)
        return output.reshape(1, -1)
