class TinyExpert(nn.Module):
    def __init__(self, config):
        self.up = nn.Parameter(torch.empty(config.num_experts * config.intermediate, config.hidden))
        self.down = nn.Parameter(torch.empty(config.num_experts * config.intermediate, config.hidden))
        self.act_fn = nn.Softmax(dim=1)

    def forward(self, x, up, down):
        states = self.act_fn(x.matmul(up.t()))
        states = states.matmul(down)
        return states


class TinyExperts(nn.Module):
    def __init__(self, config):
        self.num_experts = config.num_experts
        self.mlp = TinyExpert(config)

    def forward(self, hidden_states, top_k_index, top_k_weights):
        final_hidden_states = torch.zeros_like(hidden_states)
        expert_mask = torch.nn.functional.one_hot(top_k_index, num_classes=self.num_experts).permute(2, 1, 0)
        expert_hit = torch.greater(expert_mask.sum(dim=(-1, -2)), 0).nonzero()
        shape = (-1, self.intermediate, self.hidden)
        for expert_idx in expert_hit:
            expert_idx = expert_idx[0]
            top_k_pos, token_idx = torch.where(expert_mask[expert_idx])
            up = self.mlp.up.view(shape)[expert_idx]
            down = self.mlp.down.view(shape)[expert_idx]
            states = self.mlp(hidden_states[token_idx], up, down)
            current_hidden_states = states.view(-1, self.hidden)
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
