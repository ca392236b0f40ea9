class TinyMixer:
    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        recurrent_state = past_key_values.get_recurrent_state(self.layer_idx, state_idx=0)
        hidden_states = causal_conv1d(hidden_states, self.conv.weight.squeeze(1), self.conv.bias)
        output, state = gated_delta_rule(
            hidden_states,
            hidden_states,
            hidden_states,
            g=self.g,
            beta=self.beta,
            initial_state=recurrent_state,
            use_qk_l2norm_in_kernel=True,
            position_ids=position_ids,
        )
        past_key_values.update_recurrent_state(state, self.layer_idx)
        return output
