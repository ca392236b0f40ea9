class TinyMixer:
    def forward(self, states, position_ids, use_cache=True, layer_idx: int | None = None, **kwargs):
        batch_size, seq_len, _ = states.shape
        columns = self.in_proj(states).transpose(1, 2)

        columns = past_key_values.update_conv_state(columns, layer_idx, conv_kernel_size=self.conv_kernel_size)
        columns = causal_conv1d(columns, self.conv.weight.squeeze(1), self.conv.bias)[..., -seq_len:]

        hidden_states = self.scan(columns.transpose(1, 2), position_ids)
        return hidden_states
