def apply_rotary_pos_emb(xq, xk, freqs_cis):
    xq_ = xq.float().reshape(*xq.shape[:-1], -1, 2)
    xk_ = xk.float().reshape(*xk.shape[:-1], -1, 2)
    xq_out = torch.stack(
        (
            xq_[..., 0] * freqs_cis[:, :, None, :][..., 0] - xq_[..., 1] * freqs_cis[:, :, None, :][..., 1],
            xq_[..., 0] * freqs_cis[:, :, None, :][..., 1] + xq_[..., 1] * freqs_cis[:, :, None, :][..., 0],
        ),
        dim=-1,
    ).flatten(3)
    xk_out = torch.stack(
        (
            xk_[..., 0] * freqs_cis[:, :, None, :][..., 0] - xk_[..., 1] * freqs_cis[:, :, None, :][..., 1],
            xk_[..., 0] * freqs_cis[:, :, None, :][..., 1] + xk_[..., 1] * freqs_cis[:, :, None, :][..., 0],
        ),
        dim=-1,
    ).flatten(3)
    return xq_out.type_as(xq), xk_out.type_as(xk)
