class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        columns = self.in_proj(hidden_states).transpose(1, 2)
        columns = past_key_values.update_conv_state(columns, self.layer_idx, conv_kernel_size=self.conv_kernel_size)

        columns = self.depthwise(columns)
        columns = self.mixing(columns)[:, :, -hidden_states.shape[1] :].transpose(1, 2)
        return columns
