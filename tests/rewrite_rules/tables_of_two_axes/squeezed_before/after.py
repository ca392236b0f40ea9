def apply_rotary_pos_emb(q, k, cos, sin, position_ids, unsqueeze_dim=1):
    table = sin
    cos = cos[position_ids].unsqueeze(unsqueeze_dim)
    sin = table[position_ids].unsqueeze(unsqueeze_dim)
    return q * cos + q * sin, k * cos + k * sin
