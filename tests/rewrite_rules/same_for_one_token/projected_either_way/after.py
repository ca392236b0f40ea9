class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        projected = self.in_proj(hidden_states)
        past_key_values.update_recurrent_state(projected, self.layer_idx)
        return projected
