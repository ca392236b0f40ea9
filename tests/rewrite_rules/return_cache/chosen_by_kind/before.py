class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.conv_kernel_size = config.conv_kernel_size
        self.conv = nn.Conv1d(4, 4, self.conv_kernel_size)

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        hidden_states = past_key_values.update_conv_state(
            hidden_states, self.layer_idx, conv_kernel_size=self.conv_kernel_size
        )
        return self.out_proj(hidden_states)

class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.kind = config.layer_types[layer_idx]
        self.mixer = KINDS[self.kind](config, layer_idx)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        if self.kind == "conv":
            hidden_states = self.mixer(hidden_states, past_key_values=past_key_values)
        elif self.kind == "full_attention":
            hidden_states, _ = self.mixer(
                hidden_states, attention_mask=attention_mask, past_key_values=past_key_values, **kwargs
            )
        else:
            hidden_states = self.mixer(hidden_states)
        return hidden_states

class TinyMLP(nn.Module):
    def forward(self, hidden_states):
        return hidden_states

KINDS = {"conv": TinyMixer, "full_attention": TinyAttention, "mlp": TinyMLP}
