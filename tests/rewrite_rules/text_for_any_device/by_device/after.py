class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        dtype = hidden_states.dtype
        if attention_mask is not None and attention_mask.shape[1] > 1 and attention_mask.shape[0] > 1:
            hidden_states = (hidden_states * attention_mask[:, :, None]).to(dtype)
        input_states = hidden_states
        # What goes in
        projected = self.in_proj(input_states)

        past_key_values.update_recurrent_state(projected, self.layer_idx)
        return projected
