class TinyExperts(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.hidden = config.hidden
        self.up_proj = nn.Parameter(torch.empty(config.num_experts, config.hidden, 2 * config.intermediate))
        self.down_proj = nn.Parameter(torch.empty(config.num_experts, config.intermediate, config.hidden))
        self.act_fn = ACT2FN[config.hidden_act]

    def forward(self, states):
        states = states.view(self.up_proj.shape[0], -1, self.hidden)
        gate, up = torch.bmm(states, self.up_proj).chunk(2, dim=-1)
        states = torch.bmm((up + 1) * self.act_fn(gate), self.down_proj)
        states = states.view(-1, self.hidden)
        return states


class TinyRouter(nn.Linear):
    def __init__(self, config):
        super().__init__(config.hidden, config.num_experts, bias=False)
        self.top_k = config.top_k

    def forward(self, hidden_states):
        logits = super().forward(hidden_states)
        values, index = torch.topk(logits, self.top_k, dim=1)
        scores = torch.full_like(logits, float("-inf")).scatter_(1, index, values)
        scores = torch.sigmoid(scores.float()).to(scores.dtype)
        return scores, logits


class TinyMixture(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.hidden = config.hidden
        self.experts = TinyExperts(config)
        self.router = TinyRouter(config)

    def forward(self, hidden_states):
        hidden_states = hidden_states.reshape(-1, self.hidden)
        scores, logits = self.router(hidden_states)
        routed_in = hidden_states.repeat(scores.shape[1], 1)
        routed_in = routed_in * scores.transpose(0, 1).reshape(-1, 1)
        routed_out = self.experts(routed_in)
        return hidden_states + routed_out.reshape(scores.shape[1], -1, routed_out.shape[-1]).sum(dim=0)


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)
        self.mixture = TinyMixture(config)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        hidden_states, _ = self.self_attn(
            hidden_states, attention_mask=attention_mask, past_key_values=past_key_values, **kwargs
        )
        return self.mixture(hidden_states)
