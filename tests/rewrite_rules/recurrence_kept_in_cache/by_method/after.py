class TinyScan:
    def forward(self, activations, position_ids, layer_idx: int | None = None):
        gate = torch.sigmoid(activations)
        states = past_key_values.get_recurrent_state(layer_idx)
        hidden_states, states = linear_recurrence(activations, gate, initial_state=states, position_ids=position_ids)
        past_key_values.update_recurrent_state(states, layer_idx)
        return hidden_states
