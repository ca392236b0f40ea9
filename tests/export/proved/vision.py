"""What turns images into the embeddings of patches, beside what decoders have in common with it."""

from __future__ import annotations

import torch

from tests.export.proved.proof import FILLED, proofs

_TYPES = (torch.float32, torch.float16)

PROOFS = [
    *proofs(
        "embedding",
        "x=floats(b, 3, 4, dtype=t), w=floats(6, 4, dtype=t)",
        """
        F.embedding(torch.tensor([[0, 2, 5]]), w) + x; F.embedding(torch.tensor([4, 4, 1]), w) + x
        """,
        types=_TYPES,
    ),
    *proofs(
        "_convolution_mode",
        "x=smooth(b, 4, 8, 12, dtype=t), p=smooth(6, 4, 4, 4, dtype=t), v=smooth(6, dtype=t)",
        """
        F.conv2d(x, p, v, stride=4, padding='valid'); F.conv2d(x, p, stride=4, padding='valid'); F.conv2d(x, p, v,
        stride=(4, 2), padding='valid'); F.conv2d(x, p, v, padding='valid')
        """,
        types=_TYPES,
        sizes=FILLED,
        tolerance=5e-6,
    ),
    *proofs(
        "transpose of the first axes",
        "x=floats(b, 3, 4, dtype=t)",
        """
        x.transpose(1, 0); x.transpose(2, 0)
        """,
        types=_TYPES,
    ),
    *proofs(
        "einsum of relative positions",
        "q=floats(b, 3, 4, 8, dtype=t), h=floats(3, 5, 8, dtype=t), w=floats(4, 5, 8, dtype=t)",
        """
        torch.einsum('bhwc,hkc->bhwk', q, h); torch.einsum('bhwc,wkc->bhwk', q, w)
        """,
        types=_TYPES,
        tolerance=5e-6,
    ),
    *proofs(
        "index_add of places that are known",
        "x=floats(b, 3, 4, dtype=t), v=floats(6, 5, dtype=t)",
        """
        x[0, :, :1] + torch.zeros(3, 5).index_add_(0, torch.tensor([0, 2, 2, 0, 2, 0]), v)
        """,
        types=(torch.float32,),
        tolerance=5e-6,
    ),
    *proofs(
        "new_zeros of a known size",
        "x=floats(b, 3, 4, dtype=t)",
        """
        x[0] + x.new_zeros(3, 4, dtype=torch.float32); x[0] + x.new_zeros(4); x[0] + x.new_zeros(3, 4)
        """,
        types=_TYPES,
    ),
    *proofs(
        "masked_fill of places that are known",
        "x=wild(b, 3, 4, dtype=t)",
        """
        x.masked_fill(torch.tensor([[True], [False], [True]]), 0.0); x.masked_fill(torch.tensor([[False]] * 3), 0.0)
        """,
        types=_TYPES,
    ),
    *proofs(
        "clamp between weights",
        "x=wild(b, 3, 4, dtype=t), s=floats(dtype=t), h=wild(dtype=t)",
        """
        x.clamp(s, s + 4); x.clamp(s + 4, s); torch.clamp(x, h - inf, h + inf)
        """,
        types=_TYPES,
    ),
]
