class TinyProjection(nn.Module):
    def __init__(self, num_experts, input_size, output_size):
        self.weight = nn.Parameter(torch.empty(num_experts, output_size, input_size))
        self.num_experts = num_experts

    def forward(self, inputs, expert_size):
        """Multiply each expert's stretch of `inputs` by its weight."""
        input_list = inputs.split(expert_size, dim=0)
        output_list = []
        for i in range(self.num_experts):
            output_list.append(F.linear(input_list[i], self.weight[i]))
        results = torch.cat(output_list, dim=0)
        return results


class TinyRouter(nn.Module):
    def __init__(self, input_size, num_experts, top_k):
        self.num_experts = num_experts
        self.top_k = top_k
        self.layer = nn.Linear(input_size, num_experts, bias=False)

    def forward(self, hidden_states):
        logits = self.layer(hidden_states).float()
        top_k_logits, top_k_indices = logits.topk(self.top_k, dim=1)
        top_k_gates = torch.softmax(top_k_logits, dim=1)

        # count the tokens of each expert
        zeros = torch.zeros(
            [top_k_gates.size(0), self.num_experts], dtype=top_k_gates.dtype, device=top_k_gates.device
        )
        gates = zeros.scatter(1, top_k_indices, 1)
        expert_size = gates.long().sum(0)
        expert_size = expert_size.tolist()

        # sort and group input tokens according to expert assignment
        top_k_experts = top_k_indices.flatten()
        _, index_sorted_experts = top_k_experts.sort(0)
        batch_index = index_sorted_experts.div(self.top_k, rounding_mode="trunc")

        top_k_gates = top_k_gates.flatten()
        batch_gates = top_k_gates[index_sorted_experts]

        return index_sorted_experts, batch_index, batch_gates, expert_size, logits


class TinyDispatcher(nn.Module):
    def __init__(self, config):
        self.top_k = config.top_k
        self.hidden_size = config.hidden_size
        self.activation = ACT2FN[config.hidden_act]
        self.up_proj = TinyProjection(config.num_experts, config.hidden_size, config.intermediate)
        self.down_proj = TinyProjection(config.num_experts, config.intermediate, config.hidden_size)
        self.router = TinyRouter(config.hidden_size, config.num_experts, config.top_k)

    def forward(self, layer_input):
        bsz, length, emb_size = layer_input.size()
        layer_input = layer_input.reshape(-1, emb_size)
        _, batch_index, batch_gates, expert_size, _ = self.router(layer_input)

        expert_inputs = layer_input[batch_index]
        hidden_states = self.activation(self.up_proj(expert_inputs, expert_size))
        expert_outputs = self.down_proj(hidden_states, expert_size)
        expert_outputs = expert_outputs * batch_gates.cumsum(0)[:, None]

        zeros = torch.zeros((bsz * length, self.hidden_size), dtype=expert_outputs.dtype, device=expert_outputs.device)
        layer_output = zeros.index_add(0, batch_index, expert_outputs)
        return layer_output.view(bsz, length, self.hidden_size)


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)
        self.experts = TinyDispatcher(config)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        hidden_states, _ = self.self_attn(
            hidden_states, attention_mask=attention_mask, past_key_values=past_key_values, **kwargs
        )
        return self.experts(hidden_states)
