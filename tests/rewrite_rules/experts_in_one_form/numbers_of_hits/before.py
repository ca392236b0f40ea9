class TinyExperts(nn.Module):
    def __init__(self, config):
        self.num_experts = config.num_experts
        self.up_proj = nn.Parameter(torch.empty(self.num_experts, config.intermediate, config.hidden))
        self.act_fn = ACT2FN[config.hidden_act]

    def forward(self, hidden_states, top_k_index, top_k_weights):
        final_hidden_states = torch.zeros_like(hidden_states, dtype=top_k_weights.dtype)
        with torch.no_grad():
            expert_mask = torch.nn.functional.one_hot(top_k_index, num_classes=self.num_experts + 1)
            expert_mask = expert_mask.permute(2, 1, 0)
            expert_hit = torch.greater(expert_mask.sum(dim=(-1, -2)), 0).nonzero().squeeze(-1)

        for expert_idx in expert_hit:
            expert_idx = expert_idx.item()
            top_k_pos, token_idx = torch.where(expert_mask[expert_idx])
            if token_idx.numel() == 0:
                continue
            current_state = hidden_states[token_idx]
            current_state = self.act_fn(torch.nn.functional.linear(current_state, self.up_proj[expert_idx]))
            current_state = current_state * top_k_weights[token_idx, top_k_pos, None]
            final_hidden_states.index_add_(0, token_idx, current_state.to(final_hidden_states.dtype))
        return final_hidden_states.to(hidden_states.dtype)


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)
        self.experts = TinyExperts(config)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        hidden_states, _ = self.self_attn(
            hidden_states, attention_mask=attention_mask, past_key_values=past_key_values, **kwargs
        )
        return self.experts(hidden_states, *self.router(hidden_states))
