class TinyProjection:
    def forward(self, rows, expert):
        """Multiply every row of `rows`, [rows, in], by the weight of its `expert`, [rows]."""
        return torch.matmul(rows.unsqueeze(1), self.weight[expert]).squeeze(1)


class TinyCarrier:
    def forward(self, rows, expert):
        """Compute every row of `rows`, [rows, in], by its `expert`, [rows]."""
        rows = self.up(rows, expert)
        gate, value = torch.chunk(rows, 2, dim=-1)
        rows = nn.functional.silu(gate) * value
        output = self.down(rows, expert)
        return output


class TinyExperts:
    def forward(self, hidden_states, logits):
        chosen, weights = self.route(logits)

        flat = chosen.view(-1)
        # Rows stand in the order of tokens, a token's choices side by side.
        order = torch.arange(flat.shape[0], device=flat.device)
        rows = hidden_states.index_select(0, order // self.config.top_k)
        output = self.carrier(rows, flat)

        placed = output
        placed = placed.view(-1, self.config.top_k, output.size(1))
        return (placed * weights.unsqueeze(-1)).sum(dim=1)
