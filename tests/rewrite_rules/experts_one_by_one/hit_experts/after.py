class TinyMixture:
    def forward(self, hidden_states):
        batch_size, sequence_length, hidden_dim = hidden_states.shape
        hidden_states = hidden_states.view(-1, hidden_dim)
        routing_weights, selected_experts = torch.topk(self.gate(hidden_states).softmax(-1), self.top_k, dim=-1)
        final_hidden_states = torch.zeros_like(hidden_states)
        for expert_idx in range(self.num_experts):
            expert_layer = self.experts[expert_idx]
            # The weight that a token chose the expert with; 0 where it did not.
            expert_weights = torch.where(selected_experts == expert_idx, routing_weights, 0.0).sum(
                dim=-1, keepdim=True
            )
            current_hidden_states = expert_layer(hidden_states) * expert_weights
            final_hidden_states = final_hidden_states + current_hidden_states.to(hidden_states.dtype)
        return final_hidden_states.reshape(batch_size, sequence_length, hidden_dim)
