class TinyAttention:
    def forward(self, hidden_states, position_ids=None, attention_mask=None, past_key_values=None):
        bsz, q_len, _ = hidden_states.size()
        q_nope, q_pe = torch.split(
            self.q_proj(hidden_states).view(bsz, q_len, self.num_heads, -1).transpose(1, 2), self.widths, dim=-1
        )
        k_nope, k_pe = torch.split(self.k_proj(hidden_states).view(bsz, 1, q_len, -1), self.widths, dim=-1)
        query_states = torch.cat([q_nope, q_pe.expand(bsz, self.num_heads, q_len, -1)], dim=-1)

        key_states = torch.cat([k_nope, k_pe.expand(bsz, self.num_heads, q_len, -1)], dim=-1)
        value_states = key_states
        if past_key_values is not None:
            key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx)
        attn_weights = torch.matmul(query_states, key_states.transpose(2, 3)) + attention_mask
        return torch.matmul(attn_weights.softmax(-1), value_states)
