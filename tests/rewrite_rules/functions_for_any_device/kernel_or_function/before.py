if is_kernels_available():
    from kernels import delta_rule_kernel, conv_kernel
else:
    delta_rule_kernel, conv_kernel = None, None


def torch_delta_rule(query, key, value):
    return query * key * value, value


class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.conv = conv_kernel
        self.delta_rule = delta_rule_kernel or torch_delta_rule
        self.other = config.other or torch_delta_rule

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        if self.conv is not None:
            hidden_states = self.conv(hidden_states)
        else:
            hidden_states = hidden_states * 2
        hidden_states, state = self.delta_rule(hidden_states, hidden_states, hidden_states)
        hidden_states, _ = self.other(hidden_states, hidden_states, hidden_states)
        past_key_values.update_recurrent_state(state, self.layer_idx)
        return hidden_states
