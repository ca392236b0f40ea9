class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        batch_size, seq_len, _ = hidden_states.shape
        was_called = (
            past_key_values is not None and past_key_values.has_previous_state(self.layer_idx) and seq_len == 1
        )
        # What is kept
        recurrent_state = past_key_values.get_recurrent_state(self.layer_idx)
        conv_state = past_key_values.get_conv_state(self.layer_idx)
        query, key, value, g, beta = self.projected(hidden_states)
        if recurrent_state is not None and seq_len == 1:
            out, last_state = torch_recurrent_gated_delta_rule(
                query, key, value, g=g, beta=beta, initial_state=recurrent_state, output_final_state=True
            )
        else:
            out, last_state = torch_chunk_gated_delta_rule(
                query,
                key,
                value,
                g=g,
                beta=beta,
                initial_state=recurrent_state,
                output_final_state=past_key_values is not None,
            )
        past_key_values.update_recurrent_state(last_state, self.layer_idx)
        return self.out_proj(out, conv_state)
