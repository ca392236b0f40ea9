class TinyExperts(nn.Module):
    def __init__(self, config):
        self.num_experts = config.num_experts
        self.up_proj = nn.Parameter(torch.empty(self.num_experts, config.hidden, config.intermediate))
        self.down_proj = nn.Parameter(torch.empty(self.num_experts, config.intermediate, config.hidden))
        self.act_fn = ACT2FN[config.hidden_act]

    def forward(self, hidden_states, router_indices, routing_weights):
        expert_mask = nn.functional.one_hot(router_indices)
        hits = expert_mask.nonzero()
        if hidden_states.device.type == "cpu":
            next_states = self.looped(hidden_states, router_indices, routing_weights)
            for expert in hits:
                next_states = next_states + expert
        else:
            next_states = torch.bmm(hidden_states, self.up_proj)
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
