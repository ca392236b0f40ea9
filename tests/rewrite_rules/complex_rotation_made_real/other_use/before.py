def apply_rotary_pos_emb(xq, xk, freqs_cis):
    xq_ = torch.view_as_complex(xq.float().reshape(*xq.shape[:-1], -1, 2))
    return torch.view_as_real(xq_ * freqs_cis).flatten(3), torch.abs(torch.view_as_complex(xk) * freqs_cis)
