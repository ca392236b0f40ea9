class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, **kwargs):
        hidden_states = hidden_states.transpose(1, 2)
        hidden_states = past_key_values.update_conv_state(
            hidden_states, self.layer_idx, conv_kernel_size=self.conv_kernel_size
        )
        return hidden_states
