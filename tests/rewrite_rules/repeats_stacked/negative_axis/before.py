def apply_rotary_pos_emb(q, k, cos, sin):
    k = k.repeat_interleave(4, dim=-2)
    return q * cos + q * sin, k * cos + k * sin
