def apply_rotary_pos_emb(q, k, cos, sin):
    cos = torch.repeat_interleave(cos, 2, dim=-1)
    sin = torch.repeat_interleave(sin, dim=-1, repeats=3)
    return q * cos + q * sin, k * cos + k * sin
