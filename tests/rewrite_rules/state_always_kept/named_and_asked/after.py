class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        keeps = past_key_values is not None
        recurrent_state = past_key_values.get_recurrent_state(self.layer_idx, state_idx=0)

        result = torch_chunk_gated_delta_rule(hidden_states, initial_state=recurrent_state, output_final_state=keeps)

        output, state = result
        past_key_values.update_recurrent_state(state, self.layer_idx)
        return output
