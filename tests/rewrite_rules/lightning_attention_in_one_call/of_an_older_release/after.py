class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        batch_size, seq_len, hidden_size = hidden_states.shape
        query, key, value = self.qkv(hidden_states)
        state = past_key_values.get_recurrent_state(self.layer_idx)

        output, state = lightning_attention(
            query, key, value, self.rate, initial_state=state, position_ids=position_ids
        )
        past_key_values.update_recurrent_state(state, self.layer_idx)
        return output
