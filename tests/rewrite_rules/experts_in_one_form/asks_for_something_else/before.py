class TinyExperts(nn.Module):
    def __init__(self, config):
        self.num_experts = config.num_experts
        self.up_proj = nn.Parameter(torch.empty(self.num_experts, config.intermediate, config.hidden))
        self.down_proj = nn.Parameter(torch.empty(self.num_experts, config.hidden, config.intermediate))
        self.act_fn = ACT2FN[config.hidden_act]
        self.identity = nn.Identity()

    def forward(self, hidden_states, top_k_index, top_k_weights):
        final_hidden_states = torch.zeros_like(hidden_states)
        if top_k_index.numel() == 0:
            return final_hidden_states
        expert_mask = torch.nn.functional.one_hot(top_k_index, num_classes=self.num_experts).permute(2, 1, 0)
        expert_hit = torch.greater(expert_mask.sum(dim=(-1, -2)), 0).nonzero(as_tuple=False)
        for expert_idx_tensor in expert_hit:
            expert_idx = int(expert_idx_tensor.item())
            top_k_pos, token_idx = torch.where(expert_mask[expert_idx].squeeze(0))
            if token_idx.numel() == 0:
                continue
            current_state = hidden_states[token_idx]

            if expert_idx >= self.num_routed or current_state is None:
                current_hidden_states = self.identity(current_state)
            else:
                current_hidden_states = self.act_fn(nn.functional.linear(current_state, self.up_proj[expert_idx]))
                current_hidden_states = nn.functional.linear(current_hidden_states, self.down_proj[expert_idx])
            current_hidden_states = current_hidden_states * top_k_weights[token_idx, top_k_pos, None]
            final_hidden_states.index_add_(0, token_idx, current_hidden_states)
        return final_hidden_states


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)
        self.experts = TinyExperts(config)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        hidden_states, _ = self.self_attn(
            hidden_states, attention_mask=attention_mask, past_key_values=past_key_values, **kwargs
        )
        return self.experts(hidden_states, *self.router(hidden_states))
