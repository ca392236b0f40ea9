"""Comparisons, choices, rounding and bits."""

from __future__ import annotations

import torch

from tests.export.proved.proof import proofs

_COMPARED = (
    "x=wild(b, c, 4, dtype=t), y=floats(c, 4, dtype=t), i=integers(b, c, 4), j=integers(c, 4), "
    "k=integers(c, 1, dtype=torch.int32), n=integers(), s=floats(dtype=t), m=booleans(b, c, 4), o=booleans(c, 1), "
    "q=large(b, c, 4)"
)
_PAIRS = (
    "x, y",
    "y, x",
    "x, 1",
    "x, 0",
    "x, -1",
    "x, 0.5",
    "x, 0.0",
    "x, -0.5",
    "x, -inf",
    "i, j",
    "i, k",
    "k, i",
    "k, 2",
    "i, 2",
    "i, 0",
    "i, -1",
    "i, 0.5",
    "i, n",
    "k, n",
    "x, j",
    "j, x",
    "x, s",
    "n, i",
    "n, 1",
    "q, q",
    "q, 16777216",
)
_BITS = """
    i=integers(b, c, 4), j=integers(c, 4), k=integers(c, 4, dtype=torch.int32), m=booleans(b, c, 4),
    o=booleans(c, 1), n=integers()
    """

PROOFS = [
    *(
        proof
        for name, sign in (("eq", "=="), ("ne", "!="), ("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">="))
        for proof in proofs(name, _COMPARED, *(pair.replace(",", f" {sign}") for pair in _PAIRS))
    ),
    *proofs(
        "eq ne",
        _COMPARED,
        """
        m == o; m != o; m == 1; m != 0
        """,
        types=(torch.float32,),
    ),
    *proofs(
        "logical_and logical_or logical_xor logical_not",
        _COMPARED,
        """
        torch.logical_and(m, o); torch.logical_or(m, o); torch.logical_xor(m, o); torch.logical_not(m);
        torch.logical_and(i, j); torch.logical_or(i, j); torch.logical_xor(i, j); torch.logical_not(i);
        torch.logical_not(x); torch.logical_and(m, i); torch.logical_and(x, y)
        """,
    ),
    *proofs(
        "__and__ __or__ __xor__ bitwise_and bitwise_or bitwise_xor bitwise_not __iand__ __ior__",
        _BITS,
        """
        m & o; m | o; m ^ o; ~m; i & j; i | j; i ^ j; ~i; i & 3; i | 4; i & k; ~k; k & 1; torch.bitwise_and(m, o);
        torch.bitwise_or(m, o); torch.bitwise_xor(i, j); m & True; m.clone().__iand__(o); m.clone().__ior__(o)
        """,
        types=(torch.int64,),
    ),
    *proofs(
        "__lshift__ __rshift__ bitwise_left_shift bitwise_right_shift",
        "i=integers(b, c, 4), p=positive(c, 4).long(), k=positive(c, 4).int()",
        """
        i << 2; i >> 1; p >> 1; p << 2; i << p; i >> p; p >> p; k >> 1; torch.bitwise_right_shift(i, p);
        torch.bitwise_left_shift(i, p)
        """,
        types=(torch.int64,),
    ),
    *proofs(
        "isnan isinf isfinite isposinf isneginf",
        "x=nans(b, c, 4, dtype=t)",
        """
        x.isnan(); x.isinf(); x.isfinite(); x.isposinf(); x.isneginf()
        """,
    ),
    *proofs(
        "nan_to_num",
        "x=nans(b, c, 4, dtype=t)",
        """
        x.nan_to_num(); x.nan_to_num(0.5); x.nan_to_num(0.0, 3.0, -3.0); x.nan_to_num(posinf=9.0)
        """,
    ),
    *proofs(
        "where",
        _COMPARED,
        """
        torch.where(m, x, y); torch.where(m, -1.5, x);
        torch.where(m, x, 0.0); torch.where(m, x, 1.5); torch.where(m, x, -1.5);
        torch.where(m, 0.0, x); torch.where(m, -inf, x); torch.where(m, 1.5, x); torch.where(m, x, -inf);
        torch.where(m, i, j); torch.where(m, i, 0); torch.where(m, 0, i); torch.where(m, i, 3); torch.where(m, -3,
        i); torch.where(m, 3, i); torch.where(m, i, -3); torch.where(m, x, i); torch.where(m, i, k); torch.where(m,
        n, k); torch.where(m, x, s); torch.where(m, x, 2); torch.where(m, x, torch.tensor(-1.5, dtype=t));
        torch.where(o, m, o); torch.where(m, 1.5, -1.5); torch.where(m, 3, -3); torch.where(m, 0.0, -inf);
        torch.where(m, s, x); torch.where(m, i, 0.5); torch.where(o, s, s); torch.where(m, torch.tensor(3), i)
        """,
    ),
    *proofs(
        "where",
        """
        x=wild(b, c, 4, dtype=t), m=booleans(b, c, 4), f=floats(c, 4), h=floats(c, 4, dtype=torch.float16),
        d=floats(dtype=torch.float64), s=floats()
        """,
        """
        torch.where(m, x, f); torch.where(m, h, x); torch.where(m, x, d); torch.where(m, s, x); torch.where(m, h, f)
        """,
    ),
    *proofs(
        "masked_fill masked_fill_",
        _COMPARED,
        """
        x.masked_fill(m, 0.0); x.masked_fill(m, -inf); x.masked_fill(m, 1.5); x.masked_fill(m, -1.5);
        x.masked_fill(m, 2); x.masked_fill(m, 0); i.masked_fill(m, 0); i.masked_fill(m, 7); i.masked_fill(m, -7);
        x.masked_fill(o, 0.0); x.masked_fill(m, s); m.masked_fill(o, True); m.masked_fill(o, False);
        x.clone().masked_fill_(m, -inf); x.clone().masked_fill_(m, 0.0); i.clone().masked_fill_(m, 0);
        x.clone().masked_fill_(m, 1.5); y.masked_fill(m, 0.5)
        """,
    ),
    *proofs(
        "clamp clamp_ clamp_min clamp_max clip",
        _COMPARED,
        """
        x.clamp(-1.0, 1.0); x.clamp(min=0); x.clamp(min=-1.5); x.clamp(max=2.5); x.clamp(min=0.5); x.clamp(0.5,
        2.5); x.clamp(max=-0.5); x.clamp(min=0.0, max=1.0); x.clamp(0, 2); x.clamp(-2, 2); x.clamp(min=1);
        x.clamp(max=2); i.clamp(0, 2); i.clamp(min=0); i.clamp(max=2); i.clamp(min=1); i.clamp(min=-2, max=3);
        i.clamp(-2, -1); i.clamp(max=-1); i.clamp(min=0.5); x.clamp(2.0, -2.0); x.clamp(y - 1, y + 1);
        x.clamp(min=y); x.clamp(max=y); i.clamp(min=j); i.clamp(j, j + 1); x.clamp_min(0.0); x.clamp_max(0.5);
        x.clamp_min(0.5); i.clamp_min(1); k.clamp(0, 2); k.clamp(min=0); x.clamp(min=s); x.clip(-1.0, 1.0);
        x.clamp(min=-inf); x.clamp(min=-inf, max=7.0); n.clamp(min=0); y.clone().clamp_(-1.0, 1.0);
        x.clone().clamp_(min=0.5); x.clamp(-7.0, 7.0)
        """,
    ),
    *proofs(
        "floor ceil trunc round frac fix",
        "x=wild(b, c, 4, dtype=t), i=integers(b, c, 4), s=floats(dtype=t)",
        """
        x.floor(); x.ceil(); x.trunc(); x.round(); x.frac(); s.floor(); s.round(); i.floor(); i.round(); i.ceil();
        i.trunc()
        """,
    ),
    *proofs(
        "round",
        "x=floats(b, c, 4, dtype=t)",
        """
        x.round(decimals=1); x.round(decimals=-1)
        """,
    ),
    *proofs(
        "floor_ round_ ceil_ trunc_",
        "x=floats(b, c, 4, dtype=t)",
        """
        x.clone().floor_(); x.clone().round_(); x.clone().ceil_(); x.clone().trunc_()
        """,
    ),
    *proofs(
        "to _to_copy",
        """
        x=floats(b, c, 4, dtype=t), i=integers(b, c, 4), m=booleans(b, c, 4), q=large(b, c, 4), k=integers(b, c, 4,
        dtype=torch.int32), d=floats(b, c, 4, dtype=torch.float64), s=floats(dtype=t), n=integers(), u=integers(b,
        c, 4).abs().to(torch.uint8), z=positive(b, c, 4, dtype=t)
        """,
        """
        q.to(torch.float32); q.to(torch.int32); x.to(torch.int8); i.to(torch.int8); i.to(torch.uint8);
        z.to(torch.uint8); x.float(); x.half(); x.long(); x.int(); x.bool(); m.float(); x.to(t); x.to(torch.float32,
        copy=True)
        """,
        *(
            f"{name}.to(torch.{to})"
            for name in ("x", "i", "m", "k", "d", "s", "n", "u")
            for to in ("float32", "float16", "int64", "int32", "bool", "float64")
        ),
    ),
    *proofs(
        "to type_as",
        """
        x=wild(b, c, 4, dtype=t), y=floats(c, dtype=t), i=integers(b, c, 4), f=floats(c), h=floats(c,
        dtype=torch.float16), m=booleans(c)
        """,
        """
        x.to(y); x.to(f); x.to(h); i.to(y); m.to(y); x.type_as(y); x.type_as(f); x.type_as(h); i.type_as(y);
        m.type_as(y); m.type_as(i); f.type_as(i); x.to(x.dtype); x.to('cpu')
        """,
    ),
    *proofs(
        "isin",
        "i=integers(b, c, 4), j=integers(c)",
        """
        torch.isin(i, j)
        """,
        types=(torch.int64,),
    ),
    *proofs(
        "heaviside",
        "x=floats(b, c, 4), y=floats(c, 4)",
        """
        torch.heaviside(x, y)
        """,
        types=(torch.float32,),
    ),
]
