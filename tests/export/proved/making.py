"""Tensors made of sizes and numbers, and arithmetic with sizes."""

from __future__ import annotations

import torch

from tests.export.proved.proof import FILLED, proofs

_X = "x=floats(b, c, 4, dtype=t), i=integers(b, c), n=torch.tensor(c + 2), m=booleans(b, c), s=floats(dtype=t)"
_ALL = (torch.float32, torch.float16, torch.int64, torch.bool, torch.int32)

PROOFS = [
    *proofs(
        "arange",
        _X,
        """
        torch.arange(x.shape[1]); torch.arange(x.shape[1], dtype=torch.int32); torch.arange(x.shape[1],
        dtype=torch.float32); torch.arange(1, x.shape[1]); torch.arange(0, x.shape[1], 2); torch.arange(x.shape[0],
        x.shape[0] + x.shape[1]); torch.arange(x.shape[1], 0, -1); torch.arange(-x.shape[1], x.shape[1]);
        torch.arange(0, x.shape[1], dtype=torch.float32); torch.arange(x.shape[1] * 2) + x.shape[0];
        torch.arange(x.shape[1], dtype=torch.float16); torch.arange(x.shape[1], dtype=torch.int64); torch.arange(0,
        x.shape[1], 2, dtype=torch.int64); torch.arange(1, 1 + x.shape[1], dtype=torch.float32);
        torch.arange(x.shape[1], dtype=t)
        """,
        sizes=FILLED,
    ),
    *proofs(
        "arange",
        _X,
        """
        torch.arange(5) + x.shape[0]; torch.arange(0.0, 1.0, 0.3) + x.shape[0]; torch.arange(0, x.shape[1] * 0.5,
        0.3); torch.arange(0.5, x.shape[1]); torch.arange(1, 0, -0.25) + s; torch.arange(0, 4, 0.5,
        dtype=torch.float32) + s
        """,
        sizes=FILLED,
    ),
    *proofs(
        "linspace",
        _X,
        """
        torch.linspace(0, 1, x.shape[1]); torch.linspace(-1, 2, 5) + s; torch.linspace(0, x.shape[1] - 1, 4);
        torch.linspace(-1.0, 1.0, x.shape[1], dtype=torch.float32)
        """,
        sizes=FILLED,
    ),
    *proofs(
        "full",
        _X,
        """
        torch.full((x.shape[0], 3), 1); torch.full((x.shape[0], 3), 1.5); torch.full((x.shape[0], x.shape[1]),
        -inf); torch.full((x.shape[0],), 0.0); torch.full((x.shape[0],), True); torch.full((x.shape[0],), 2,
        dtype=torch.int32); torch.full((x.shape[0],), 2, dtype=torch.int64); torch.full((x.shape[0], 2), -inf,
        dtype=t); torch.full((x.shape[0],), False); torch.full((x.shape[1],), -1); torch.full((x.shape[1],), 0);
        torch.full((x.shape[0],), x.shape[1]); torch.full((x.shape[0], 2), -1.5, dtype=t); torch.full((x.shape[0],),
        1.5, dtype=torch.float32); torch.full((x.shape[1],), 0, dtype=t)
        """,
    ),
    *proofs(
        "zeros ones empty",
        _X,
        """
        torch.zeros(2, 3) + s; torch.ones(2, 3, dtype=t) * s
        """,
        *(
            each.replace("NAME", name)
            for name in ("zeros", "ones")
            for each in (
                "torch.NAME(x.shape[0], 3)",
                "torch.NAME(x.shape[0], x.shape[1])",
                "torch.NAME(x.shape[0], x.shape[1], dtype=torch.int64)",
                "torch.NAME((x.shape[0], 2), dtype=torch.bool)",
                "torch.NAME(x.shape, dtype=t)",
                "torch.NAME(x.shape[1], dtype=torch.float32)",
                "torch.NAME(x.shape[1], 1, dtype=torch.int32)",
                "torch.NAME(x.shape[0], 3, dtype=torch.float16)",
            )
        ),
    ),
    *proofs(
        "zeros_like ones_like full_like empty_like",
        _X + ", k=integers(b, c, dtype=torch.int32)",
        """
        torch.full_like(x, -inf); torch.full_like(x, 0.5); torch.full_like(x, -1.5); torch.full_like(x, 0.0);
        torch.full_like(x, 0); torch.full_like(x, 2); torch.full_like(i, 3); torch.full_like(i, -3);
        torch.full_like(i, 0); torch.full_like(x, 1, dtype=torch.int64); torch.full_like(m, True);
        torch.full_like(i, -inf, dtype=torch.float32); torch.full_like(k, 3)
        """,
        *(
            each.replace("NAME", name)
            for name in ("zeros_like", "ones_like")
            for each in (
                "torch.NAME(x)",
                "torch.NAME(i)",
                "torch.NAME(m)",
                "torch.NAME(k)",
                "torch.NAME(x, dtype=torch.bool)",
                "torch.NAME(x, dtype=torch.float32)",
                "torch.NAME(i, dtype=torch.bool)",
                "torch.NAME(m, dtype=torch.int64)",
                "torch.NAME(i, dtype=t)",
                "torch.NAME(s)",
                "torch.NAME(m, dtype=t)",
                "torch.NAME(x, dtype=torch.int64)",
            )
        ),
    ),
    *proofs(
        "new_zeros new_ones new_full new_tensor new_empty scalar_tensor",
        _X,
        """
        x.new_zeros(x.shape[0], 2); x.new_zeros((x.shape[0], 2), dtype=torch.float32); x.new_ones(x.shape[1]);
        x.new_full((x.shape[0], 2), 1.5); i.new_zeros(i.shape[0], 3); i.new_full((i.shape[0],), 7);
        x.new_full((x.shape[0],), -inf); i.new_ones((i.shape[0], 2)); m.new_zeros((m.shape[0], 2));
        x.new_zeros((x.shape[0],), dtype=torch.bool); i.new_full((i.shape[0],), -7); x.new_zeros(x.shape);
        i.new_zeros(i.shape[0], dtype=torch.bool); m.new_ones((m.shape[0], 2))
        """,
    ),
    *proofs(
        "eye",
        _X,
        """
        torch.eye(x.shape[1]); torch.eye(x.shape[0], x.shape[1]); torch.eye(x.shape[1], dtype=torch.bool);
        torch.eye(x.shape[1], dtype=t)
        """,
        sizes=FILLED,
    ),
    *proofs(
        "fill fill_ zero_ copy_",
        _X,
        """
        x.clone().fill_(1.5); x.clone().zero_(); x.clone().copy_(x * 2); i.clone().fill_(3); x.clone().fill_(s);
        x.clone().copy_(x.float()); torch.empty_like(x).copy_(x); torch.zeros_like(x).copy_(x)
        """,
    ),
    *proofs(
        "new_empty empty empty_like new_empty_strided copy_",
        _X,
        """
        x.new_empty((x.shape[0], 4)).copy_(x[:, 0]); torch.empty(x.shape[0], 4).copy_(x[:, 0]);
        x.new_empty((x.shape[0], x.shape[1])).fill_(2.0)
        """,
        sizes=FILLED,
    ),
    *proofs(
        """
        size sym_size sym_max Int mul floordiv floor_divide add sub div ScalarImplicit sym_int item numel mod
        remainder neg to
        """,
        "x=floats(b, c, 6, dtype=t), i=integers(b, c, 6), m=booleans(b, c, 6)",
        """
        x.view(x.size(0), x.size(-2), 6); x.view(x.shape[0] * 2, -1); x[:, x.shape[1] // 2 :]; x[:, : x.shape[1] -
        1]; x.view(x.size(0) * x.size(1), -1); torch.arange(x.shape[1] + 1); torch.arange(x.shape[1] % 3 + 1);
        torch.zeros(x.shape[1] * 3 // 2); torch.zeros(-x.shape[1] // 2 + 9); torch.zeros(-(-x.shape[1] // 2)); x /
        x.shape[1]; x * x.shape[1]; x + x.shape[0]; x.view(x.shape[0], x.shape[1], x.shape[2] // 2, 2); x -
        x.shape[1] / 2; x / x.shape[1] ** 0.5; x * x.shape[1] ** -0.5; torch.arange(x.numel()); x[:, : x.shape[1] -
        x.shape[0] + 3]; torch.arange(x.shape[1])[None] - torch.arange(x.shape[0])[:, None] + (x.shape[1] -
        x.shape[0]); torch.arange((x.shape[1] + 3) // 4 * 4); x[:, -(x.shape[1] // 2) :]
        """,
        *(f"torch.arange({name}.size({axis})) + x.size(0)" for name in "xim" for axis in (0, 1, -1, -2)),
        sizes=FILLED,
    ),
    *proofs(
        "tril_indices triu_indices",
        _X,
        """
        torch.tril_indices(x.shape[1], x.shape[1]); torch.triu_indices(x.shape[1], x.shape[1])
        """,
        sizes=FILLED,
    ),
    *proofs(
        "tensor as_tensor",
        _X,
        """
        x * torch.tensor([1.0, 2.0, 3.0, -1.0], dtype=t); x + torch.tensor(2.5); torch.tensor(x.shape[1]) + i
        """,
    ),
    *proofs(
        "block_diag cartesian_prod combinations vander",
        _X,
        """
        torch.cartesian_prod(i[0], i[0])
        """,
        sizes=FILLED,
    ),
]
