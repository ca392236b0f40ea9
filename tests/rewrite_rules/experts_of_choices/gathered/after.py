class TinyExperts:
    def forward(self, states, chosen):
        """Apply to every row of `states`, [tokens, choices, in], the weight of its `chosen` expert."""
        states = states.unsqueeze(-2)
        gate, up = torch.matmul(states, self.up_proj[chosen]).chunk(2, dim=-1)
        states = torch.matmul(up * self.act_fn(gate), self.down_proj[chosen])
        states = states.squeeze(-2)
        return states


class TinyMixture:
    def forward(self, hidden_states):
        hidden_states = hidden_states.reshape(-1, self.hidden)
        scores, logits = self.router(hidden_states)
        routing_weights, chosen = torch.topk(scores, self.router.top_k, dim=-1)
        routed_in = hidden_states[:, None] * routing_weights[..., None]
        routed_out = self.experts(routed_in, chosen)
        return hidden_states + routed_out.sum(dim=1)
