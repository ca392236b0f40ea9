class TinyExperts:
    def forward(self, hidden_states, top_k_index, top_k_weights):
        current_state = hidden_states[:, None, None]
        current_hidden_states = torch.matmul(
            current_state, self.up_proj[top_k_index.clamp(max=self.num_routed - 1)].transpose(-1, -2)
        )
        current_hidden_states = torch.where(
            top_k_index[:, :, None, None] >= self.num_routed, self.identity(current_state), current_hidden_states
        )
        current_hidden_states = current_hidden_states * top_k_weights[:, :, None, None]
        final_hidden_states = current_hidden_states.sum(dim=(1, 2))
        return final_hidden_states
