class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.conv_kernel_size = config.conv_kernel_size
        self.conv = nn.Conv1d(4, 4, self.conv_kernel_size)

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        hidden_states = apply_mask_to_padding_states(hidden_states, attention_mask)

        # The convolution
        hidden_states = past_key_values.update_conv_state(
            hidden_states, self.layer_idx, conv_kernel_size=self.conv_kernel_size
        )
        hidden_states = apply_mask_to_padding_states(hidden_states.transpose(1, 2), attention_mask)
        return hidden_states

class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.mixer = TinyMixer(config, layer_idx)
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        mixed = self.mixer(hidden_states, past_key_values, attention_mask)
        hidden_states, _ = self.self_attn(
            hidden_states, attention_mask=attention_mask, past_key_values=past_key_values, **kwargs
        )
        return hidden_states + mixed
