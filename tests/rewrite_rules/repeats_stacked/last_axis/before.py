def apply_rotary_pos_emb(q, k, cos, sin):
    # Two by two.
    cos = cos[..., : cos.shape[-1] // 2].repeat_interleave(2, dim=-1)
    sin = sin[..., : sin.shape[-1] // 2].repeat_interleave(repeats=2, dim=-1)
    return q * cos + q * sin, k * cos + k * sin
