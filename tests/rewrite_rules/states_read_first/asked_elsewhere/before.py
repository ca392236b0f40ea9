class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.conv_kernel_size = config.conv_kernel_size

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        batch_size, seq_len, _ = hidden_states.shape
        was_called = past_key_values is not None and past_key_values.has_previous_state(self.layer_idx)
        if was_called:
            conv_state = past_key_values.layers[self.layer_idx].conv_states[0]
            recurrent_state = past_key_values.layers[self.layer_idx].recurrent_states[0]

        if was_called and seq_len == 1 and not past_key_values.layers[self.layer_idx].record_past:
            hidden_states = causal_conv1d_update(hidden_states, conv_state, self.conv.weight.squeeze(1), self.conv.bias)
        else:
            if past_key_values is not None:
                hidden_states = past_key_values.update_conv_state(
                    hidden_states, self.layer_idx, conv_kernel_size=self.conv_kernel_size
                )
            hidden_states = causal_conv1d_fn(hidden_states, self.conv.weight.squeeze(1), self.conv.bias)[..., -seq_len:]
        query, key, value, g, beta = self.projected(hidden_states)
        if was_called and seq_len == 1:
            out, last_state = torch_recurrent_gated_delta_rule(
                query, key, value, g=g, beta=beta, initial_state=recurrent_state, output_final_state=True
            )
        else:
            out, last_state = torch_chunk_gated_delta_rule(
                query, key, value, g=g, beta=beta, initial_state=key if was_called else None, output_final_state=True
            )
        past_key_values.update_recurrent_state(last_state, self.layer_idx)
        return self.out_proj(out)
