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
        self.experts = nn.ModuleList([TinyExpert(config) for _ in range(config.num_experts)])

    def forward(self, hidden_states):
        indices, weights = self.router(hidden_states)
        return self.mix(hidden_states.view(-1, hidden_states.shape[-1]), indices, weights).view(hidden_states.shape)

    def mix(self, x, topk_ids, topk_weight):
        counts = topk_ids.new_zeros((topk_ids.shape[0], len(self.experts)))
        counts.scatter_(1, topk_ids, 1)
        tokens_per_expert = counts.sum(dim=0)
        order = topk_ids.view(-1).argsort()
        sorted_tokens = x[order // topk_ids.shape[1]]
        tokens_per_expert = tokens_per_expert.cpu().numpy()

        outputs = []
        start = 0
        for i, num_tokens in enumerate(tokens_per_expert):
            end = start + num_tokens
            if num_tokens == 0:
                continue
            expert = self.experts[i]
            tokens_for_this_expert = sorted_tokens[start:end]
            expert_out = expert(tokens_for_this_expert)
            outputs.append(expert_out.to(x.device))
            start = end

        outs = torch.cat(outputs, dim=0) if len(outputs) else sorted_tokens.new_empty(0)

        new_x = torch.empty_like(outs)
        new_x[order] = outs
        final_out = (
            new_x.view(*topk_ids.shape, -1)
            .type(topk_weight.dtype)
            .mul_(topk_weight.unsqueeze(dim=-1))
            .sum(dim=1)
            .type(new_x.dtype)
        )
        return final_out
