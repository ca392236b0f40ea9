class TinyExperts:
    def forward(self, hidden_states, selected_experts, routing_weights):
        batch_size, seq_len, hidden_dim = hidden_states.shape
        hidden_states_flat = hidden_states.view(-1, hidden_dim)
        expert_indices = selected_experts.reshape(-1, selected_experts.shape[-1])
        routing_weights = routing_weights.reshape(-1, selected_experts.shape[-1])
        aggregated = torch.zeros_like(hidden_states_flat)
        for expert_id in range(len(self)):
            # The weight that a token chose the expert with; 0 where it did not.
            expert_weights = torch.where(expert_indices == expert_id, routing_weights, 0.0).sum(dim=-1, keepdim=True)
            weighted_outputs = (self[expert_id](hidden_states_flat).to(torch.float32) * expert_weights).to(
                hidden_states.dtype
            )
            aggregated = aggregated + weighted_outputs
        return aggregated.view(batch_size, seq_len, hidden_dim)
