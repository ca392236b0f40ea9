"""What becomes of an axis: sums, norms, the largest, running sums, softmax."""

from __future__ import annotations

import torch

from tests.export.proved.proof import FILLED, proofs

_X = "x=floats(b, c, 4, dtype=t)"
_DIMS = ("-1", "2", "0", "1", "-2", "(0, 2)", "(-1, -2)", "(1,)", "(-1,)")
_INTEGERS = (
    "i=integers(b, c, 4), k=integers(b, c, 4, dtype=torch.int32), m=booleans(b, c, 4), n=integers(), q=large(b, c, 4)"
)


def _over(call: str, dims: tuple[str, ...] = _DIMS, name: str = "x") -> list[str]:
    return [f"{name}.{call}({dim})" for dim in dims] + [f"{name}.{call}({dim}, keepdim=True)" for dim in dims]


PROOFS = [
    *proofs(
        "sum",
        _X + ", s=floats(dtype=t)",
        """
        x.sum(); x.sum(-1, dtype=torch.float32); x.sum(0, dtype=torch.float32); x.sum(2, dtype=torch.float32);
        x.sum(-1, keepdim=True, dtype=torch.float32); x.sum(dtype=torch.float32); s.sum(); x.sum((-1, 0))
        """,
        *_over("sum"),
        tolerance=3e-6,
    ),
    *proofs(
        "sum",
        _INTEGERS,
        """
        i.sum(); m.sum(); k.sum(); k.sum(-1); q.sum(-1); i.sum(-1, dtype=torch.float32); m.sum(-1,
        dtype=torch.float32); m.sum(0, dtype=torch.int32); i.sum(0, dtype=torch.int32); m.sum(-1, dtype=torch.int32)
        """,
        *_over("sum", name="i"),
        *_over("sum", name="m"),
        types=(torch.int64,),
    ),
    *proofs(
        "mean",
        _X + ", i=integers(b, c, 4)",
        """
        x.mean(); x.mean(-1, dtype=torch.float32); x.mean(1, dtype=torch.float32); x.mean(-1, keepdim=True,
        dtype=torch.float32); i.mean(-1, dtype=torch.float32); x.mean([], keepdim=True)
        """,
        *_over("mean"),
        sizes=FILLED,
        tolerance=3e-6,
    ),
    *proofs(
        "prod",
        "x=floats(b, 3, c, dtype=t), i=integers(b, 3, c), m=booleans(b, 3, c)",
        """
        x.prod(); x.prod(-1); x.prod(0); x.prod(1, keepdim=True); i.prod(-1); i.prod(); i.prod(0, keepdim=True);
        m.prod(1)
        """,
        sizes=FILLED,
    ),
    *proofs(
        "amax amin",
        _X + ", w=wild(b, c, 4, dtype=t), i=integers(b, c, 4), k=integers(b, c, 4, dtype=torch.int32)",
        *(
            each.replace("NAME", name)
            for name in ("amax", "amin")
            for each in (
                *_over("NAME"),
                "w.NAME(-1)",
                "i.NAME(-1)",
                "i.NAME(0)",
                "i.NAME(0, keepdim=True)",
                "i.NAME(1, keepdim=True)",
                "i.NAME(2)",
                "x.NAME()",
                "i.NAME()",
                "k.NAME(-1)",
            )
        ),
        sizes=FILLED,
    ),
    *proofs(
        "max min",
        _X + ", i=integers(b, c, 4), w=wild(b, c, 4, dtype=t), r=booleans(b, c, 4).to(t)",
        *(
            each.replace("NAME", name)
            for name in ("max", "min")
            for each in (
                "x.NAME()",
                "i.NAME()",
                "x.NAME(-1)",
                "x.NAME(0)",
                "x.NAME(2)",
                "x.NAME(1, keepdim=True)",
                "x.NAME(-1, keepdim=True)",
                "r.NAME(-1)",
                "r.NAME(1)",
                "i.NAME(-1)",
                "i.NAME(0)",
                "i.NAME(1, keepdim=True)",
                "i.NAME(-1, keepdim=True)",
                "w.NAME(-1).values",
            )
        ),
        sizes=FILLED,
    ),
    *proofs(
        "argmax argmin",
        _X + ", i=integers(b, c, 4), r=booleans(b, c, 4).to(t), k=integers(b, c, 4, dtype=torch.int32)",
        *(
            each.replace("NAME", name)
            for name in ("argmax", "argmin")
            for each in (
                "x.NAME()",
                "x.NAME(-1)",
                "x.NAME(0)",
                "x.NAME(1)",
                "x.NAME(-1, keepdim=True)",
                "x.NAME(1, keepdim=True)",
                "x.NAME(0, keepdim=True)",
                "r.NAME(-1)",
                "r.NAME(0)",
                "r.NAME()",
                "i.NAME(-1)",
                "i.NAME(1, keepdim=True)",
                "i.NAME(0)",
                "k.NAME(1, keepdim=True)",
                "k.NAME(-1)",
            )
        ),
        sizes=FILLED,
    ),
    *proofs(
        "any all",
        "x=wild(b, c, 4, dtype=t), m=booleans(b, c, 4), i=integers(b, c, 4)",
        *(
            each.replace("NAME", name)
            for name in ("any", "all")
            for each in (
                "m.NAME()",
                "m.NAME(-1)",
                "m.NAME(0)",
                "m.NAME(1, keepdim=True)",
                "m.NAME(-1, keepdim=True)",
                "i.NAME()",
                "i.NAME(-1)",
                "x.NAME(-1)",
                "m.NAME((0, 1))",
                "x.NAME()",
                "m.NAME((-1, -2), keepdim=True)",
            )
        ),
    ),
    *proofs(
        "count_nonzero",
        "x=floats(b, c, 4, dtype=t), m=booleans(b, c, 4), i=integers(b, c, 4)",
        """
        x.count_nonzero(-1); m.count_nonzero(); i.count_nonzero(0)
        """,
    ),
    *proofs(
        "std var std_mean var_mean",
        _X,
        """
        torch.var_mean(x, -1); torch.var_mean(x, 1, unbiased=False, keepdim=True); torch.std_mean(x, -1)
        """,
        *(
            each.replace("NAME", name)
            for name in ("std", "var")
            for each in (
                "x.NAME()",
                "x.NAME(-1)",
                "x.NAME(0, unbiased=False)",
                "x.NAME(-1, keepdim=True)",
                "x.NAME(-1, unbiased=False)",
                "x.NAME(-1, unbiased=False, keepdim=True)",
                "x.NAME((-1, -2), unbiased=False)",
                "x.NAME((1, 2))",
                "x.NAME(1, correction=1)",
                "x.NAME(-1, correction=0)",
                "x.NAME(-1, correction=2)",
                "x.NAME(correction=0)",
            )
        ),
        sizes=((2, 3), (3, 5)),
        tolerance=3e-6,
    ),
    *proofs(
        "norm linalg_vector_norm",
        _X,
        """
        x.norm(); x.norm(dim=-1); x.norm(2, -1); x.norm(p=1, dim=-1); x.norm(1.0, 1, keepdim=True); x.norm(p=2,
        dim=-1, keepdim=True); x.norm(p=2, dim=(0, 1)); x.norm(p=inf, dim=-1); x.norm(p=-inf, dim=-1); x.norm(p=3,
        dim=-1); x.norm(p=0, dim=-1); x.norm(p=0.5, dim=1); torch.linalg.vector_norm(x, dim=-1);
        torch.linalg.vector_norm(x, 1.0, dim=-1); torch.linalg.vector_norm(x, 2.0, dim=(1, 2), keepdim=True);
        torch.linalg.vector_norm(x); torch.linalg.vector_norm(x, 3.0, dim=-1); torch.linalg.vector_norm(x, dim=-1,
        dtype=torch.float32); torch.linalg.vector_norm(x, 0.0, dim=-1); torch.linalg.norm(x, dim=-1);
        torch.linalg.norm(x)
        """,
        sizes=FILLED,
        tolerance=3e-6,
    ),
    *proofs(
        "cumsum",
        _X + ", i=integers(b, c, 4), m=booleans(b, c, 4), k=integers(b, c, 4, dtype=torch.int32), q=large(b, c, 4)",
        """
        x.cumsum(-1); x.cumsum(0); x.cumsum(1); x.cumsum(-2); i.cumsum(-1); i.cumsum(0); i.cumsum(1); m.cumsum(-1);
        m.cumsum(1); k.cumsum(-1); q.cumsum(-1); i.cumsum(-1, dtype=torch.float32); m.cumsum(-1, dtype=torch.int32);
        m.cumsum(1, dtype=torch.float32); x.cumsum(-1, dtype=torch.float32); x.cumsum(1, dtype=torch.float32);
        i.cumsum(1, dtype=torch.int32)
        """,
        tolerance=3e-6,
    ),
    *proofs(
        "cumprod logcumsumexp cummax cummin",
        _X + ", i=integers(b, c, 4)",
        """
        x.cumprod(-1); x.cumprod(1); i.cumprod(-1); x.logcumsumexp(-1); x.logcumsumexp(1); x.cummax(-1); x.cummin(1)
        """,
        sizes=FILLED,
        tolerance=3e-6,
    ),
    *proofs(
        "logsumexp",
        "x=wild(b, c, 4, dtype=t), y=floats(b, c, 4, dtype=t), v=torch.full((b, c, 4), -inf, dtype=t)",
        """
        y.logsumexp(-1); y.logsumexp(1, keepdim=True); y.logsumexp((0, 2)); y.logsumexp((-1, -2)); v.logsumexp(-1);
        v.logsumexp(-1, keepdim=True); y.logsumexp(0); y.logsumexp(-1, keepdim=True); (y * 40).logsumexp(-1)
        """,
        sizes=FILLED,
        tolerance=2e-6,
    ),
    *proofs(
        "softmax log_softmax _softmax _log_softmax",
        """
        x=floats(b, c, 4, dtype=t), w=wild(b, c, 4, dtype=t), v=torch.full((b, c, 4), -inf, dtype=t),
        p=torch.where(booleans(b, c, 4), -inf, floats(b, c, 4)).to(t)
        """,
        *(
            each.replace("NAME", name)
            for name in ("softmax", "log_softmax")
            for each in (
                "x.NAME(-1)",
                "x.NAME(2)",
                "x.NAME(0)",
                "x.NAME(1)",
                "x.NAME(-2)",
                "x.NAME(-1, dtype=torch.float32)",
                "x.NAME(1, dtype=torch.float32)",
                "x.NAME(0, dtype=torch.float32)",
                "F.NAME(x, dim=-1)",
                "F.NAME(x, dim=-1, dtype=torch.float32)",
                "v.NAME(-1)",
                "p.NAME(-1)",
                "w.NAME(-1)",
                "x.NAME(-1, dtype=t)",
                "x.NAME(1, dtype=t)",
                "v.NAME(-1, dtype=torch.float32)",
                "p.NAME(1)",
            )
        ),
        tolerance=2e-6,
    ),
    *proofs(
        "softmin",
        _X,
        """
        F.softmin(x, dim=-1)
        """,
    ),
    *proofs(
        "median quantile aminmax nansum",
        "x=floats(b, c, 5, dtype=t), w=wild(b, c, 5, dtype=t)",
        """
        x.median(-1); w.nansum(-1); x.aminmax(dim=-1)
        """,
        sizes=FILLED,
    ),
    *proofs(
        "trapezoid diff",
        _X,
        """
        torch.trapezoid(x, dim=-1); torch.diff(x, dim=-1); torch.diff(x, dim=1); torch.diff(x, n=2, dim=-1)
        """,
        sizes=FILLED,
    ),
]
