class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        seq_len = hidden_states.shape[1]
        recurrent_state = past_key_values.get_recurrent_state(self.layer_idx)
        columns = past_key_values.update_conv_state(
            hidden_states, self.layer_idx, conv_kernel_size=self.conv_kernel_size
        )
        columns = causal_conv1d(columns, self.conv.weight.squeeze(1), self.conv.bias)
        columns = columns[:, :, -seq_len:]
        out, state = mamba_scan(
            columns, self.step, self.A, self.B, self.C, initial_state=recurrent_state, position_ids=position_ids
        )
        past_key_values.update_recurrent_state(state, self.layer_idx)
        return out
