class TinyAttention:
    def forward(self, hidden_states, attention_mask=None, position_ids=None, past_key_values=None, **kwargs):
        bsz, q_len, _ = hidden_states.size()
        query_states = key_states = value_states = hidden_states.view(bsz, 1, q_len, -1)
        cos, sin = self.rotary_emb(value_states)
        query_states, key_states = apply_rotary_pos_emb(query_states, key_states, cos, sin, position_ids)

        if past_key_values is not None:
            key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx)
        attn_weights = torch.matmul(query_states, key_states.transpose(2, 3))
        attn_weights = attn_weights + attention_mask
        attn_output = torch.matmul(attn_weights.softmax(-1), value_states)
        return attn_output, attn_weights, past_key_values
