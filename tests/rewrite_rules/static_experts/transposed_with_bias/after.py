class TinyExperts:
    def forward(self, hidden_states, top_k_index, top_k_weights):
        current_state = hidden_states[:, None, None]
        gate_up = current_state @ self.gate_up_proj[top_k_index] + self.gate_up_proj_bias[top_k_index].unsqueeze(-2)
        current_hidden_states = self._apply_gate(gate_up) @ self.down_proj[top_k_index]
        current_hidden_states = current_hidden_states * top_k_weights[:, :, None, None]
        final_hidden_states = current_hidden_states.to(hidden_states.dtype).sum(dim=(1, 2))

        return final_hidden_states
