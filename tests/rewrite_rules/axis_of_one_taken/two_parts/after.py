class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        batch_size, seq_len, _ = hidden_states.shape
        hidden_states, gate = hidden_states.transpose(1, 2).view(batch_size, -1, 2, seq_len).chunk(2, dim=2)
        hidden_states = hidden_states[:, :, 0].contiguous()
        gate = gate[:, :, 0]
        hidden_states = past_key_values.update_conv_state(
            hidden_states, self.layer_idx, conv_kernel_size=self.conv_kernel_size
        )
        return (hidden_states * gate).unsqueeze(2).squeeze(2)
