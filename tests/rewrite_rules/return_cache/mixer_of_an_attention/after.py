class TinyMixer:
    def forward(self, hidden_states, past_key_values):
        # The convolution
        return past_key_values.update_conv_state(hidden_states, self.layer_idx, conv_kernel_size=4), past_key_values


class TinyAttention:
    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        states, past_key_values = self.mixed(hidden_states, past_key_values)
        key_states, value_states = past_key_values.update(states, states, self.layer_idx)
        attention_interface: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        attn_output, attn_weights = attention_interface(
            self, states, key_states, value_states, attention_mask, scaling=1.0, **kwargs
        )
        return attn_output, attn_weights, past_key_values
