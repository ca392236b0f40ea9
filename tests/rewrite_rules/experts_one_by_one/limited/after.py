class TinyMixture:
    def mix(self, hidden_states, topk_indices, topk_weights):
        final_hidden_states = torch.zeros_like(hidden_states, dtype=topk_weights.dtype)

        for expert_idx in range(len(self.experts)):
            expert = self.experts[expert_idx]
            # The weight that a token chose the expert with; 0 where it did not.
            expert_weights = torch.where(topk_indices == expert_idx, topk_weights, 0.0).sum(dim=-1, keepdim=True)
            weighted_output = expert(hidden_states) * expert_weights
            final_hidden_states = final_hidden_states + weighted_output
        return final_hidden_states.type(hidden_states.dtype)
