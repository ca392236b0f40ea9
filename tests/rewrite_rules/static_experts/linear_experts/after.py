class TinyExperts:
    def forward(self, hidden_states, top_k_index, top_k_weights):
        current_state = hidden_states[:, None, None]
        gate, up = torch.matmul(current_state, self.gate_up_proj[top_k_index].transpose(-1, -2)).chunk(2, dim=-1)
        current_hidden_states = self.act_fn(gate) * up
        current_hidden_states = torch.matmul(current_hidden_states, self.down_proj[top_k_index].transpose(-1, -2))
        current_hidden_states = current_hidden_states * top_k_weights[:, :, None, None]
        final_hidden_states = current_hidden_states.to(hidden_states.dtype).sum(dim=(1, 2))

        return final_hidden_states
