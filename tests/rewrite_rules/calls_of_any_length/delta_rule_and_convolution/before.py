class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.conv_kernel_size = config.conv_kernel_size
        self.conv = nn.Conv1d(4, 4, self.conv_kernel_size)

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        recurrent_state = past_key_values.get_recurrent_state(self.layer_idx, state_idx=0)
        hidden_states = causal_conv1d_fn(hidden_states, self.conv.weight.squeeze(1), self.conv.bias, **kwargs)
        output, state = torch_chunk_gated_delta_rule(
            hidden_states,
            hidden_states,
            hidden_states,
            g=self.g,
            beta=self.beta,
            initial_state=recurrent_state,
            output_final_state=True,
            use_qk_l2norm_in_kernel=True,
            cu_seqlens=kwargs.pop("cu_seq_lens_q", None),
            **kwargs,
        )
        past_key_values.update_recurrent_state(state, self.layer_idx)
        return output
