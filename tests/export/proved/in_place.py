"""What changes a tensor, or a part of it that other names see."""

from __future__ import annotations

from tests.export.proved.proof import FILLED, proofs

PROOFS = [
    *proofs(
        "new_empty slice copy",
        "x=floats(b, c, 4, dtype=t), y=floats(b, c, 2, dtype=t)",
        """
        assembled(x, y); assembled(x, y, torch.cat([x, x], -1))
        """,
        sizes=FILLED,
    ),
    *proofs(
        "select add_ mul_ copy_ slice fill_ index_put_ zero_ masked_fill_",
        "x=floats(b, c, 4, dtype=t), y=floats(b, 4, dtype=t), m=booleans(b, c)",
        """
        put(x, (slice(None), 0), 1.5); put(x, (slice(None), 0), y); put(x, (slice(None), slice(None), slice(1, 3)),
        0.0); put(x, (slice(None), slice(None), slice(0, None, 2)), 0); put(x, (..., -1), y[:, :1]); put(x,
        (slice(None), -1), y); put(x, (..., slice(None, 2)), y[:, None, 2:]); put(x, (..., slice(-2, None)), 1.5);
        put(x, slice(None), 0.5); put(x, (0, 0, 0), 1.5); put(x, (0,), 2.5); put(x, (slice(0, 1),), 2.5); put(x,
        (slice(None), slice(None, x.shape[1] // 2)), 0.5)
        """,
        sizes=FILLED,
    ),
    *proofs(
        "add_ mul_ copy_ sub_ div_",
        "x=floats(b, c, 4, dtype=t), y=floats(b, 4, dtype=t)",
        """
        changed(x, (slice(None), 0), 'add_', 1.5); changed(x, (slice(None), 0), 'add_', y); changed(x, (...,
        slice(0, None, 2)), 'mul_', 2); changed(x, (..., slice(1, 3)), 'sub_', 0.5); changed(x, (..., -1), 'div_',
        2); augmented(x, (slice(None), 0), y); augmented(x, (..., slice(1, 3)), 1.5)
        """,
        sizes=FILLED,
    ),
    *proofs(
        "fill_ masked_fill_ zero_ copy_",
        "x=floats(b, c, 4, dtype=t), y=floats(b, 4, dtype=t), m=booleans(b, 4)",
        """
        changed(x, (slice(None), 0), 'fill_', 1.5); changed(x, (slice(None), 0), 'zero_'); changed(x, (slice(None),
        0), 'masked_fill_', m, 0.0); changed(x, (slice(None), 0), 'copy_', y); changed(x, (..., slice(1, 3)),
        'copy_', y[:, None, :2]); changed(x, (..., slice(1, 3)), 'clamp_', 0, 1)
        """,
        sizes=FILLED,
    ),
    *proofs(
        "add_ mul_ fill_ copy_",
        "x=floats(b, c, 4, dtype=t)",
        """
        seen(x, 'transpose', (0, 1), 'add_', 1.5); seen(x, 'view', (-1,), 'mul_', 2); seen(x, 'unsqueeze', (0,),
        'add_', 1.5); seen(x, 'permute', (2, 0, 1), 'mul_', 0.5); seen(x, 'flatten', (), 'add_', 1.5); seen(x,
        'squeeze', (), 'add_', 1.5); seen(x, 'diagonal', (0, 1, 2), 'fill_', 1.5); seen(x, 'expand_as', (x,),
        'add_', 1.0); seen(x, 'contiguous', (), 'add_', 1.0); seen(x, 'narrow', (-1, 1, 2), 'add_', 1.0); seen(x,
        'reshape', (-1, 4), 'add_', 1.0); seen(x, 'detach', (), 'add_', 1.0)
        """,
        sizes=FILLED,
    ),
    *proofs(
        "add_ mul_ neg_ relu_",
        "x=floats(b, c, 4, dtype=t)",
        """
        kept(x); kept_alias(x)
        """,
        sizes=FILLED,
    ),
    *proofs(
        "index_add_ scatter_add_ index_put_ scatter_ index_copy_ index_fill_ masked_scatter_",
        "x=smooth(b, 5, 4, dtype=t), i=indices(4, b, 4), u=torch.tensor([1, 3]), v=smooth(b, 5, 4, dtype=t)",
        """
        changed(x, (slice(None), 0), 'scatter_add_', 1, i, v[:, 1]); changed(x, (slice(None), slice(1, 4)),
        'scatter_', 2, torch.tensor([[[1]]]).expand(v.shape[0], 3, 1), 0.5)
        """,
        sizes=FILLED,
    ),
]
