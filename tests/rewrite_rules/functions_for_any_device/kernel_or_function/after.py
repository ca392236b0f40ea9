class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        hidden_states = hidden_states * 2
        hidden_states, state = torch_delta_rule(hidden_states, hidden_states, hidden_states)
        hidden_states, _ = self.other(hidden_states, hidden_states, hidden_states)
        past_key_values.update_recurrent_state(state, self.layer_idx)
        return hidden_states
