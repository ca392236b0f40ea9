class TinyExperts:
    def forward(self, hidden_states, top_k_index, top_k_weights):
        current_state = hidden_states[:, None, None]
        current_state = self.act_fn(torch.matmul(current_state, self.up_proj[top_k_index].transpose(-1, -2)))
        current_state = current_state * top_k_weights[:, :, None, None]
        final_hidden_states = current_state.to(top_k_weights.dtype).sum(dim=(1, 2))
        return final_hidden_states.to(hidden_states.dtype)
