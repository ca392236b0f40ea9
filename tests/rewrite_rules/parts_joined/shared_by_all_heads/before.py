class TinyAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.q_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.k_proj = nn.Linear(config.hidden_size, config.width + config.rotated)

    def forward(self, hidden_states, position_ids=None, attention_mask=None, past_key_values=None):
        bsz, q_len, _ = hidden_states.size()
        q_nope, q_pe = torch.split(
            self.q_proj(hidden_states).view(bsz, q_len, self.num_heads, -1).transpose(1, 2), self.widths, dim=-1
        )
        k_nope, k_pe = torch.split(self.k_proj(hidden_states).view(bsz, 1, q_len, -1), self.widths, dim=-1)
        query_states = k_pe.new_empty(bsz, self.num_heads, q_len, self.q_head_dim)
        query_states[:, :, :, : self.width] = q_nope
        query_states[:, :, :, self.width :] = q_pe

        key_states = k_pe.new_empty(bsz, self.num_heads, q_len, self.q_head_dim)
        key_states[:, :, :, : self.width] = k_nope
        key_states[:, :, :, self.width :] = k_pe
        value_states = key_states
        if past_key_values is not None:
            key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx)
        attn_weights = torch.matmul(query_states, key_states.transpose(2, 3)) + attention_mask
        return torch.matmul(attn_weights.softmax(-1), value_states)
