class TinyProjection:
    def forward(self, inputs, expert):
        """Apply to every row of `inputs`, [rows, in], the weight of its `expert`, [rows]."""
        results = torch.matmul(self.weight[expert], inputs.unsqueeze(-1))[..., 0]
        return results


class TinyRouter:
    def forward(self, hidden_states):
        logits = self.layer(hidden_states).float()
        top_k_logits, top_k_indices = logits.topk(self.top_k, dim=1)
        top_k_gates = torch.softmax(top_k_logits, dim=1)

        # Rows stand in the order of tokens, a token's choices side by side.
        top_k_experts = top_k_indices.flatten()
        index_sorted_experts = torch.arange(top_k_experts.shape[0], device=top_k_experts.device)
        batch_index = index_sorted_experts.div(self.top_k, rounding_mode="trunc")

        top_k_gates = top_k_gates.flatten()
        batch_gates = top_k_gates[index_sorted_experts]

        return index_sorted_experts, batch_index, batch_gates, top_k_experts, logits


class TinyDispatcher:
    def map(self, layer_input):
        bsz, length, emb_size = layer_input.size()
        layer_input = layer_input.reshape(-1, emb_size)
        index_sorted_experts, batch_index, batch_gates, expert, router_logits = self.router(layer_input)
        topo_info = (index_sorted_experts, batch_index, batch_gates, expert)

        expert_inputs = layer_input[batch_index]
        expert_outputs = self.up_proj(expert_inputs, expert)
        layer_output = expert_outputs
        return layer_output.view(bsz, length, self.top_k, -1), topo_info

    def reduce(self, layer_input, topo_info):
        bsz, length, k, hidden_size = layer_input.size()
        layer_input = layer_input.reshape(-1, hidden_size)
        index_sorted_experts, batch_index, batch_gates, expert = topo_info

        expert_inputs = layer_input[index_sorted_experts]
        expert_outputs = self.down_proj(expert_inputs, expert)
        expert_outputs = expert_outputs * batch_gates[:, None]
        layer_output = expert_outputs.view(bsz * length, -1, self.hidden_size).sum(dim=1)
        return layer_output.view(bsz, length, self.hidden_size)
