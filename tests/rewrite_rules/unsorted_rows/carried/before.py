def multiply_stretches(rows, weights, sizes):
    """Multiply each expert's rows."""
    many = rows.shape[0]
    out_features = weights.shape[-1]
    output = torch.zeros(many, out_features, dtype=rows.dtype, device=rows.device)
    ends = torch.cumsum(sizes, dim=0)
    zero = torch.zeros(1, dtype=torch.long, device=ends.device)
    ends = torch.cat((zero, ends))
    for expert in range(weights.shape[0]):
        start = ends[expert]
        end = ends[expert + 1]
        some = rows[start:end]
        out = torch.matmul(some, weights[expert])
        output[start:end] = out
    return output


class TinyProjection(nn.Module):
    def __init__(self, in_features, out_features, groups):
        self.weight = nn.Parameter(torch.empty(groups, in_features, out_features))

    def forward(self, rows, sizes):
        return multiply_stretches(rows, self.weight, sizes.cpu())


class TinyCarrier(nn.Module):
    def __init__(self, config):
        self.up = TinyProjection(config.hidden_size, 2 * config.intermediate_size, config.num_experts)
        self.down = TinyProjection(config.intermediate_size, config.hidden_size, config.num_experts)

    def forward(self, rows, sizes):
        rows = self.up(rows, sizes)
        gate, value = torch.chunk(rows, 2, dim=-1)
        rows = nn.functional.silu(gate) * value
        output = self.down(rows, sizes)
        return output


class TinyExperts(nn.Module):
    def __init__(self, config):
        self.config = config
        self.carrier = TinyCarrier(config)

    def route(self, logits):
        top_logits, chosen = torch.topk(logits, k=self.config.top_k, dim=1)
        return chosen, top_logits.softmax(dim=-1)

    def forward(self, hidden_states, logits):
        chosen, weights = self.route(logits)
        dtype = chosen.dtype
        sizes = torch.histc(
            chosen.flatten().to(torch.float32),
            bins=self.config.num_experts,
            min=0,
            max=self.config.num_experts - 1,
        ).to(dtype)

        flat = chosen.view(-1)
        order = torch.argsort(flat)
        rows = hidden_states.index_select(0, order // self.config.top_k)
        output = self.carrier(rows, sizes)

        placed = torch.zeros(
            (weights.shape[0] * self.config.top_k, output.size(1)), dtype=output.dtype, device=output.device
        )
        placed.index_copy_(0, order, output)
        placed = placed.view(-1, self.config.top_k, output.size(1))
        return (placed * weights.unsqueeze(-1)).sum(dim=1)


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)
        self.router = nn.Linear(config.hidden_size, config.num_experts)
        self.experts = TinyExperts(config)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        hidden_states, _ = self.self_attn(
            hidden_states, attention_mask=attention_mask, past_key_values=past_key_values, **kwargs
        )
        states = hidden_states.view(-1, hidden_states.size(-1))
        return self.experts(states, self.router(states)).view(hidden_states.shape)
