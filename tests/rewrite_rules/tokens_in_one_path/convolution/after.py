class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        seq_len = hidden_states.shape[1]
        hidden_states = past_key_values.update_conv_state(
            hidden_states, self.layer_idx, conv_kernel_size=self.conv_kernel_size
        )
        # All columns
        hidden_states = causal_conv1d_fn(
            hidden_states, self.conv.weight.squeeze(1), self.conv.bias, activation="silu", **kwargs
        )
        hidden_states = hidden_states[:, :, -seq_len:]
        return hidden_states
