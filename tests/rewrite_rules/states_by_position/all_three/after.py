class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        cache_kwargs = {"position_ids": position_ids, "batch_index": batch_index}
        # The state
        recurrent_state = past_key_values.get_recurrent_state(self.layer_idx, cache_kwargs)
        hidden_states = past_key_values.update_conv_state(
            hidden_states, self.layer_idx, cache_kwargs, conv_kernel_size=self.conv_kernel_size
        )
        result = mamba_selective_scan(
            hidden_states,
            hidden_states,
            self.A,
            self.B,
            self.C,
            D=self.D.float(),
            z=None,
            delta_bias=self.bias,
            delta_softplus=True,
            return_last_state=True,
            use_mambapy=self.use_mambapy,
        )
        output, final_state = result
        past_key_values.update_recurrent_state(final_state, self.layer_idx, cache_kwargs)
        return output.view(1, -1)
