class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx

    def forward(self, hidden_states, past_key_values):
        # The convolution
        return past_key_values.update_conv_state(hidden_states, self.layer_idx, conv_kernel_size=4)


class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.mixed = TinyMixer(config, layer_idx)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        states = self.mixed(hidden_states, past_key_values)
        key_states, value_states = past_key_values.update(states, states, self.layer_idx)
        attention_interface: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        return attention_interface(self, states, key_states, value_states, attention_mask, scaling=1.0, **kwargs)
