class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.conv_kernel_size = config.conv_kernel_size
        self.conv = nn.Conv1d(4, 4, self.conv_kernel_size)

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        keeps = past_key_values is not None
        if past_key_values is not None:
            recurrent_state = past_key_values.get_recurrent_state(self.layer_idx, state_idx=0)
        else:
            recurrent_state = None

        result = torch_chunk_gated_delta_rule(hidden_states, initial_state=recurrent_state, output_final_state=keeps)
        if self.training and past_key_values is None:
            return result

        if keeps:
            output, state = result
            past_key_values.update_recurrent_state(state, self.layer_idx)
        else:
            output = result
        return output
