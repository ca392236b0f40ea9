class TinyExperts:
    def forward(self, hidden_states, top_k_index, top_k_weights):
        final_hidden_states = torch.zeros_like(hidden_states)
        expert_mask = torch.nn.functional.one_hot(top_k_index, num_classes=self.num_experts).permute(2, 1, 0)
        expert_hit = torch.greater(expert_mask.sum(dim=(-1, -2)), 0).nonzero()
        heavy = top_k_weights[top_k_weights > 0.5]
        if heavy.numel() == 0:
            return final_hidden_states
        for expert_idx in expert_hit:
            expert_idx = expert_idx[0]
            top_k_pos, token_idx = torch.where(expert_mask[expert_idx])
            heavy = token_idx[:2]
            if heavy.numel() == 0:
                continue
            current_state = hidden_states[token_idx]
            current_hidden_states = self.act_fn(nn.functional.linear(current_state, self.up_proj[expert_idx]))
            current_hidden_states = nn.functional.linear(current_hidden_states, self.down_proj[expert_idx])
            current_hidden_states = current_hidden_states * top_k_weights[token_idx, top_k_pos, None]
            final_hidden_states.index_add_(0, token_idx, current_hidden_states)
        return final_hidden_states
