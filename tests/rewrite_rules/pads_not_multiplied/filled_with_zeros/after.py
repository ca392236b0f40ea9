class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, **kwargs):
        value_states = self.v_proj(hidden_states).transpose(1, 2)
        state = past_key_values.get_recurrent_state(self.layer_idx)
        if state is None:
            state = torch.zeros(1, 1, 4, 4)

            output = []
        past_key_values.update_recurrent_state(state, self.layer_idx)
        return value_states
