class TinyExperts(nn.Module):
    def __init__(self, config):
        self.num_experts = config.num_experts
        self.up_proj = nn.Parameter(torch.empty(self.num_experts, config.hidden, config.intermediate))
        self.down_proj = nn.Parameter(torch.empty(self.num_experts, config.intermediate, config.hidden))
        self.act_fn = ACT2FN[config.hidden_act]

    def forward(self, hidden_states, router_indices, routing_weights):
        num_experts = routing_weights.shape[1]
        next_states = torch.zeros_like(hidden_states)
        with torch.no_grad():
            expert_mask = torch.nn.functional.one_hot(router_indices, num_classes=num_experts)
            expert_mask = expert_mask.permute(2, 1, 0)
            expert_hit = torch.greater(expert_mask.sum(dim=(-1, -2)), 0).nonzero()
        for expert_idx in expert_hit:
            expert_idx = expert_idx[0]
            # skip masking index
            if expert_idx == num_experts - 1:
                continue
            _, token_idx = torch.where(expert_mask[expert_idx])
            current_state = self.act_fn(hidden_states[token_idx] @ self.up_proj[expert_idx])
            out = current_state @ self.down_proj[expert_idx]
            weighted_output = out * routing_weights[token_idx, expert_idx, None]
            next_states.index_add_(0, token_idx, weighted_output)
        return next_states


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)
        self.experts = TinyExperts(config)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        hidden_states, _ = self.self_attn(
            hidden_states, attention_mask=attention_mask, past_key_values=past_key_values, **kwargs
        )
        return self.experts(hidden_states, *self.router(hidden_states))
