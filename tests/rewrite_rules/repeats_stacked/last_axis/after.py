def apply_rotary_pos_emb(q, k, cos, sin):
    # Two by two.
    cos = torch.stack((cos[..., : cos.shape[-1] // 2], cos[..., : cos.shape[-1] // 2]), dim=-1).flatten(-2)
    sin = torch.stack((sin[..., : sin.shape[-1] // 2], sin[..., : sin.shape[-1] // 2]), dim=-1).flatten(-2)
    return q * cos + q * sin, k * cos + k * sin
