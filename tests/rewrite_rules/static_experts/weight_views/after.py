class TinyExperts:
    def forward(self, hidden_states, top_k_index, top_k_weights):
        shape = (-1, self.intermediate, self.hidden)
        up = self.mlp.up.view(shape)[top_k_index]
        down = self.mlp.down.view(shape)[top_k_index]
        states = self.mlp(hidden_states[:, None, None], up, down)
        current_hidden_states = states.view(*top_k_index.shape, 1, self.hidden)
        current_hidden_states = current_hidden_states * top_k_weights[:, :, None, None]
        final_hidden_states = current_hidden_states.sum(dim=(1, 2))
        return final_hidden_states
