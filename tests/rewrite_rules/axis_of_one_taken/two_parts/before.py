class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.conv_kernel_size = config.conv_kernel_size

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        batch_size, seq_len, _ = hidden_states.shape
        hidden_states, gate = hidden_states.transpose(1, 2).view(batch_size, -1, 2, seq_len).chunk(2, dim=2)
        hidden_states = hidden_states.squeeze(2).contiguous()
        gate = gate.squeeze(2)
        hidden_states = past_key_values.update_conv_state(
            hidden_states, self.layer_idx, conv_kernel_size=self.conv_kernel_size
        )
        return (hidden_states * gate).unsqueeze(2).squeeze(2)
