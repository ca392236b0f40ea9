def apply_rotary_pos_emb(q, k, cos, sin):
    cos = torch.stack((cos, cos), dim=-1).flatten(-2)
    sin = torch.stack((sin, sin, sin), dim=-1).flatten(-2)
    return q * cos + q * sin, k * cos + k * sin
