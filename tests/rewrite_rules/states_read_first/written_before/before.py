class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.conv_kernel_size = config.conv_kernel_size

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        batch_size, seq_len, _ = hidden_states.shape
        was_called = past_key_values is not None and past_key_values.has_previous_state(self.layer_idx)
        past_key_values.update_recurrent_state(hidden_states, self.layer_idx)
        recurrent_state = past_key_values.layers[self.layer_idx].recurrent_states[0] if was_called else None
        query, key, value, g, beta = self.projected(hidden_states)
        if was_called and seq_len == 1:
            out, last_state = torch_recurrent_gated_delta_rule(
                query, key, value, g=g, beta=beta, initial_state=recurrent_state, output_final_state=True
            )
        else:
            out, last_state = torch_chunk_gated_delta_rule(
                query, key, value, g=g, beta=beta, initial_state=recurrent_state, output_final_state=True
            )
        past_key_values.update_recurrent_state(last_state, self.layer_idx)
        return self.out_proj(out)
