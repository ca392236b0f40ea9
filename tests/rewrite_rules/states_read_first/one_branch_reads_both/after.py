class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        batch_size, seq_len, _ = hidden_states.shape
        conv_state = past_key_values.get_conv_state(self.layer_idx, state_idx=0)
        recurrent_state = past_key_values.get_recurrent_state(self.layer_idx, state_idx=0)
        hidden_states = self.in_proj(hidden_states)

        if conv_state is not None and seq_len == 1 and not past_key_values.is_recording_past(self.layer_idx):
            hidden_states = causal_conv1d_update(
                hidden_states, conv_state, self.conv.weight.squeeze(1), self.conv.bias
            )
        else:
            if past_key_values is not None:
                hidden_states = past_key_values.update_conv_state(
                    hidden_states, self.layer_idx, conv_kernel_size=self.conv_kernel_size
                )
            hidden_states = causal_conv1d_fn(hidden_states, self.conv.weight.squeeze(1), self.conv.bias)[
                ..., -seq_len:
            ]
        query, key, value, g, beta = self.projected(hidden_states)
        if recurrent_state is not None and seq_len == 1:
            out, last_state = torch_recurrent_gated_delta_rule(
                query, key, value, g=g, beta=beta, initial_state=recurrent_state, output_final_state=True
            )
        else:
            out, last_state = torch_chunk_gated_delta_rule(
                query, key, value, g=g, beta=beta, initial_state=recurrent_state, output_final_state=True
            )
        past_key_values.update_recurrent_state(last_state, self.layer_idx)
        return self.out_proj(out)
