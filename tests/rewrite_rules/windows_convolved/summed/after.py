class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        batch_size, seq_len, _ = hidden_states.shape
        hidden_states = hidden_states.transpose(1, 2)
        use_precomputed_states = (
            past_key_values is not None and past_key_values.has_previous_state(self.layer_idx) and seq_len == 1
        )

        # The convolution
        hidden_states = past_key_values.update_conv_state(
            hidden_states, self.layer_idx, conv_kernel_size=self.conv_kernel_size
        )
        hidden_states = causal_conv1d(hidden_states, self.conv1d.weight.squeeze(1), self.conv1d.bias)
        hidden_states = self.act(hidden_states[:, :, -seq_len:].transpose(1, 2))
        return hidden_states
