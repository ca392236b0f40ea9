"""What layers that keep states ask of an exporter beside what others do: lengths in arithmetic, five axes."""

from __future__ import annotations

import torch

from tests.export.proved.proof import FILLED, proofs

_FLOATS = (torch.float32,)

PROOFS = [
    *proofs(
        "add",
        "n=integers(b), x=floats(b, c, 4)",
        "n[:, None, None] + torch.arange(4, device=x.device)",
        types=_FLOATS,
    ),
    *proofs(
        "pow",
        "x=floats(b, c, 4)",
        "x * x.shape[-1] ** -0.5; x * x.shape[1] ** -0.5",
        types=_FLOATS,
        sizes=FILLED,
        tolerance=3e-6,
    ),
    *proofs(
        "ones tril",
        "x=floats(b, c, 4)",
        "torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device)",
        types=_FLOATS,
    ),
    *proofs(
        "clamp",
        "x=floats(b, c, 4)",
        "torch.arange(x.shape[1] + 3).clamp(max=x.shape[1] - 1)",
        "(torch.arange(x.shape[1]) - 2).clamp(max=x.shape[1] - 1)",
        "x.clamp(min=0.5, max=inf)",
        types=_FLOATS,
    ),
    *proofs(
        "slice",
        "m=booleans(5, b, c)",
        "m[:-1]; m[1:]; m[:, :-1]",
        types=_FLOATS,
    ),
    *proofs(
        "matmul",
        "x=smooth(b, 2, 3, c, 4), y=smooth(b, 2, 3, 4, c), w=smooth(5, 4), v=smooth(b, 4, c), u=smooth(b, 2, 4, c)",
        "x @ y; y @ x; w @ v; w @ u; w @ y",
        types=_FLOATS,
        tolerance=5e-6,
    ),
    *proofs(
        "where",
        "x=floats(b, 5, 5, c)",
        "torch.where((torch.arange(5)[:, None] < torch.arange(5))[:, :, None], x, 0.0)",
        "torch.where(torch.tensor([True, False, True, True, False])[:, None, None], x, 0.0)",
        types=_FLOATS,
    ),
    *proofs(
        "unflatten",
        "x=floats(b, c, 6, 4), y=floats(b, 3, 4)",
        "x.unflatten(2, (y.shape[1], x.shape[2] // y.shape[1])); x.unflatten(2, (2, 3)); x.unflatten(3, (2, 2))",
        types=_FLOATS,
        sizes=FILLED,
    ),
    *proofs(
        "split_with_sizes",
        "x=floats(b, c, 6), y=floats(b, c, 10), z=floats(b, 4, c + 2)",
        "x.split([(x.shape[-1] - 6) // 2, (x.shape[-1] - 6) // 2, 2, 4], dim=-1)",
        "y.split([(y.shape[-1] - 6) // 2, (y.shape[-1] - 6) // 2, 2, 4], dim=-1)",
        "y.split([3, y.shape[-1] - 4, 1], dim=-1); z.split([z.shape[-1] - 2, 2], dim=-1)",
        "z.split([2, z.shape[-1] - 2], dim=-1)",
        types=_FLOATS,
    ),
    *proofs(
        "index_put",
        """
        x=smooth(c + 5, 3, 2, dtype=t), y=smooth(c + 5, 2, 3, 2, dtype=t), i=(torch.arange(b) * 3 + 1) % (c + 5),
        v=smooth(b, 3, 2, dtype=t), w=smooth(b, 2, 3, 2, dtype=t)
        """,
        "x.index_put((i,), v); y.index_put((i,), w)",
    ),
    *proofs(
        "item scalar_tensor div",
        "x=floats(b, c, 4)",
        "filled_up(x, x.shape[1], part_length(x.shape[1], 4) * 4, 1)",
        types=_FLOATS,
        sizes=FILLED,
    ),
]
