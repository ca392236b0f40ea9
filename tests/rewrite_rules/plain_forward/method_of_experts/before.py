class TinyExpert(nn.Module):
    def __init__(self, config):
        self.w1 = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.w2 = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)
        self.act_fn = ACT2FN[config.hidden_act]

    def forward(self, x):
        return self.w2(self.act_fn(self.w1(x)))


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)
        self.mlp = TinyMixture(config)

    def forward(self, hidden_states, past_key_values=None, **kwargs):
        hidden_states, _ = self.self_attn(hidden_states, past_key_values=past_key_values, **kwargs)
        return self.mlp(hidden_states)


class TinyMixture(nn.Module):
    def __init__(self, config):
        self.router = TinyRouter(config)
        self.experts = nn.ModuleList(
            [TinyExpert(config) for _ in range(config.num_experts)] + [nn.Identity() for _ in range(config.empty)]
        )

    @torch.no_grad()
    def mix(self, hidden_states, topk_indices, topk_weights):
        final_hidden_states = torch.zeros_like(hidden_states, dtype=topk_weights.dtype)
        expert_mask = torch.nn.functional.one_hot(topk_indices, num_classes=len(self.experts))
        expert_mask = expert_mask.permute(2, 0, 1)

        for expert_idx in range(len(self.experts)):
            expert = self.experts[expert_idx]
            mask = expert_mask[expert_idx]
            token_indices, weight_indices = torch.where(mask)

            if token_indices.numel() > 0:
                expert_weights = topk_weights[token_indices, weight_indices]
                expert_input = hidden_states[token_indices]
                expert_output = expert(expert_input)
                weighted_output = expert_output * expert_weights.unsqueeze(-1)
                final_hidden_states.index_add_(0, token_indices, weighted_output)
        return final_hidden_states.type(hidden_states.dtype)

    def forward(self, hidden_states):
        indices, weights = self.router(hidden_states)
        return self.mix(hidden_states.view(-1, hidden_states.shape[-1]), indices, weights).view(hidden_states.shape)
