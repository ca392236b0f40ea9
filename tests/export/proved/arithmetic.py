"""Elementwise arithmetic, of every pair of types."""

from __future__ import annotations

import torch

from tests.export.proved.proof import proofs

_PAIR = "x=wild(b, c, 4, dtype=t), y=floats(c, 4, dtype=t)"
_OTHERS = (
    "x=floats(b, c, 4, dtype=t), i=integers(c, 4), j=integers(c, 1, dtype=torch.int32), m=booleans(b, 1, 1), "
    "h=floats(c, 4, dtype=torch.float16), f=floats(c, 4), d=floats(dtype=torch.float64), n=integers(), "
    "s=floats(dtype=torch.float32), z=floats(dtype=torch.float16)"
)
_WHOLE = "i=integers(b, c, 4), j=integers(c, 4), k=integers(c, 4, dtype=torch.int32), n=integers(), m=booleans(c, 4)"
_NONZERO = (
    "x=floats(b, c, 4, dtype=t), y=wild(b, c, 4, dtype=t), i=integers(b, c, 4), j=positive(c, 4).long() * 2 - 3, "
    "p=positive(c, 4, dtype=t) - 4.1, n=integers() - 1, q=large(b, c, 4)"
)


def _binary(name: str, sign: str) -> list[str]:
    others = ("i", "j", "m", "h", "f", "d", "n", "s", "z")
    return [f"x {sign} {other}" for other in others] + [f"{other} {sign} x" for other in others]


PROOFS = [
    *proofs("div", "x=floats(b, c, 4)", "torch.div(x, 0.1, rounding_mode='floor')", types=(torch.float32,)),
    *proofs("sub", _WHOLE, "n - k; k - n", types=(torch.int64,)),
    *proofs("multiply", _PAIR, "torch.multiply(x, y)"),
    *proofs(
        "max min maximum minimum",
        _PAIR,
        "torch.max(x, torch.tensor(-1.5, dtype=t)); torch.max(x, torch.tensor(-1.5))",
        "torch.min(x, torch.tensor(0.5, dtype=t))",
    ),
    *(
        proof
        for name, sign in (("add", "+"), ("sub", "-"), ("mul", "*"))
        for proof in (
            *proofs(
                name,
                _PAIR,
                f"x {sign} y",
                f"y {sign} x",
                f"x {sign} 2",
                f"x {sign} 0.5",
                f"x {sign} 0",
                f"x {sign} -2",
                f"x {sign} -1.5",
                f"x {sign} 0.0",
                f"x.clone().{name}_(y)",
                f"x.clone().{name}_(2)",
                f"x.clone().{name}_(0.5)",
            ),
            *proofs(
                f"{name}", _OTHERS, *(each for each in _binary(name, sign) if not (name == "sub" and "m" in each))
            ),
            *proofs(
                name,
                _WHOLE,
                f"i {sign} j",
                f"i {sign} k",
                f"k {sign} i",
                f"k {sign} k",
                f"i {sign} 3",
                f"i {sign} 0",
                f"i {sign} -3",
                f"i {sign} 0.5",
                f"i {sign} -0.5",
                f"i {sign} 0.0",
                f"k {sign} 3",
                f"k {sign} 0.5",
                f"i {sign} n",
                f"n {sign} i",
                f"n {sign} n",
                f"n {sign} 2",
                f"n {sign} 0.5",
                *(() if name == "sub" else (f"m {sign} 2", f"m {sign} 0.5")),
                types=(torch.int64,),
            ),
        )
    ),
    *proofs(
        "add mul",
        _WHOLE,
        """
        m * m; m + j; j * m; m * k
        """,
        types=(torch.int64,),
    ),
    *proofs(
        "mul_ add_ sub_ div_",
        _OTHERS,
        """
        x.clone().mul_(d); x.clone().mul_(s); x.clone().mul_(z); x.clone().div_(d); x.clone().div_(s);
        x.clone().add_(s); x.clone().sub_(i); x.clone().mul_(f); x.clone().add_(h)
        """,
    ),
    *proofs(
        "rsub",
        _PAIR,
        """
        2 - x; 0.5 - x; 0 - x; -1.5 - x; torch.rsub(x, y); torch.rsub(x, y, alpha=2)
        """,
    ),
    *proofs(
        "rsub",
        _WHOLE,
        """
        2 - i; 0.5 - i; 3 - k; 1 - n
        """,
        types=(torch.int64,),
    ),
    *proofs(
        "add sub",
        _PAIR,
        """
        torch.add(x, y, alpha=2); torch.sub(x, y, alpha=0.5); torch.sub(x, y, alpha=-2); x.clone().add_(y,
        alpha=0.5)
        """,
    ),
    *proofs(
        "add sub",
        _WHOLE,
        """
        torch.add(i, j, alpha=2); torch.sub(i, j, alpha=-2)
        """,
        types=(torch.int64,),
    ),
    *proofs(
        "div",
        _NONZERO,
        """
        x / y; x / p; x / 2; x / 0.5; x / -3; x / -0.3; x / i; i / x; i / j; i / 4; i / -0.5; j / i; x / n; n / x; i
        / n; q / 3; n / 2; x.clone().div_(p); x.clone().div_(2)
        """,
    ),
    *proofs(
        "div",
        _NONZERO,
        *(
            f"torch.div({pair}, rounding_mode='{mode}')"
            for mode in ("floor", "trunc")
            for pair in (
                "x, p",
                "x, 2",
                "x, -2",
                "x, 0.5",
                "x, -0.5",
                "i, j",
                "i, 2",
                "i, -2",
                "i, 0.5",
                "x, j",
                "i, n",
                "n, 2",
                "i, p",
            )
        ),
    ),
    *proofs(
        "floor_divide",
        _NONZERO,
        """
        x // p; x // 2; x // -2; x // 0.5; x // -1.5; i // j; i // 2; i // -2; i // 0.5; x // j; i // p; i // n; n
        // 2; n // n; q // 7
        """,
    ),
    *proofs(
        "remainder",
        _NONZERO,
        """
        x % p; x % 2; x % -2; x % 0.5; x % -1.5; i % j; i % 3; i % -3; i % 1.5; x % j; i % p; i % n; n % 2; q % 7; 2
        % p; torch.remainder(2, j)
        """,
    ),
    *proofs(
        "fmod",
        _NONZERO,
        """
        torch.fmod(x, p); torch.fmod(x, 2); torch.fmod(x, -1.5); torch.fmod(i, j); torch.fmod(i, 3); torch.fmod(i,
        -3); torch.fmod(i, 1.5); torch.fmod(x, j)
        """,
    ),
    *proofs(
        "pow",
        """
        x=floats(b, c, 4, dtype=t), p=positive(b, c, 4, dtype=t), y=floats(c, 4, dtype=t) / 4, i=integers(c, 4),
        n=positive(c, 4).long()
        """,
        """
        x ** 2; x ** 3; x ** 2.0; x ** 0; x ** -1; x ** -2.0; x ** 3.0; p ** 0.5; p ** -0.5; p ** 1.5; x ** 0.5; p
        ** y; 2 ** x; 0.5 ** y; 10000.0 ** y; x ** n; i ** 2; i ** 3; i ** 0.5; i ** 2.0; 2 ** n; 2.0 ** i; n ** y
        """,
        tolerance=3e-6,
    ),
    *proofs(
        "add sub mul div",
        "s=floats(dtype=t), z=positive(dtype=t), n=integers()",
        """
        s + z; s - z; s * z; s / z; s + 0.5; s - 0.5; s * 0.5; s * 2; s + 1; s / 2; z - s; 1 - s; s - 1; n - n; n +
        1; n * 3
        """,
    ),
    *proofs(
        "neg",
        "x=wild(b, c, 4, dtype=t), i=integers(b, c, 4), n=integers()",
        """
        -x; -i; -n
        """,
    ),
    *proofs(
        "abs",
        "x=wild(b, c, 4, dtype=t), i=integers(b, c, 4), k=integers(b, c, 4, dtype=torch.int32)",
        """
        x.abs(); i.abs(); k.abs()
        """,
    ),
    *proofs(
        "sign sgn",
        "x=wild(b, c, 4, dtype=t), i=integers(b, c, 4)",
        """
        x.sign(); i.sign(); x.sgn()
        """,
    ),
    *proofs(
        "copysign",
        "x=floats(b, c, 4, dtype=t), y=floats(c, 4, dtype=t)",
        """
        torch.copysign(x, y); torch.copysign(x, -1.0)
        """,
    ),
    *proofs(
        "square",
        "x=wild(b, c, 4, dtype=t) / 64, i=integers(b, c, 4)",
        """
        x.square(); i.square()
        """,
    ),
    *(
        proof
        for name, inputs in (
            ("reciprocal", "x=wild(b, c, 4, dtype=t)"),
            ("sqrt", "x=wild(b, c, 4, dtype=t)"),
            ("rsqrt", "x=wild(b, c, 4, dtype=t)"),
            ("exp", "x=wild(b, c, 4, dtype=t)"),
            ("expm1", "x=wild(b, c, 4, dtype=t)"),
            ("exp2", "x=wild(b, c, 4, dtype=t)"),
            ("log", "x=wild(b, c, 4, dtype=t)"),
            ("log1p", "x=wild(b, c, 4, dtype=t)"),
            ("log2", "x=wild(b, c, 4, dtype=t)"),
            ("log10", "x=wild(b, c, 4, dtype=t)"),
            ("sin", "x=floats(b, c, 4, dtype=t)"),
            ("cos", "x=floats(b, c, 4, dtype=t)"),
            ("tan", "x=floats(b, c, 4, dtype=t) / 4"),
            ("atan", "x=wild(b, c, 4, dtype=t)"),
            ("asin", "x=floats(b, c, 4, dtype=t) / 30"),
            ("acos", "x=floats(b, c, 4, dtype=t) / 30"),
            ("sinh", "x=floats(b, c, 4, dtype=t) / 4"),
            ("cosh", "x=floats(b, c, 4, dtype=t) / 4"),
            ("tanh", "x=wild(b, c, 4, dtype=t)"),
            ("sigmoid", "x=wild(b, c, 4, dtype=t)"),
            ("erf", "x=wild(b, c, 4, dtype=t)"),
        )
        for proof in proofs(f"{name}", f"{inputs}, s=positive(dtype=t)", f"x.{name}()", f"s.{name}()", tolerance=2e-6)
    ),
    *proofs(
        "exp sqrt rsqrt sin log tanh sigmoid cos reciprocal",
        "i=integers(b, c, 4)",
        """
        i.exp(); i.sqrt(); i.sin(); i.cos(); i.log(); i.tanh(); i.sigmoid(); i.rsqrt(); i.reciprocal()
        """,
        types=(torch.int64,),
        tolerance=2e-6,
    ),
    *proofs(
        "exp_ sqrt_ neg_ sigmoid_ tanh_ rsqrt_ abs_",
        "x=positive(b, c, 4, dtype=t)",
        *(f"x.clone().{name}_()" for name in ("exp", "sqrt", "neg", "sigmoid", "tanh", "rsqrt", "abs")),
        tolerance=2e-6,
    ),
    *proofs(
        "atan2",
        "x=floats(b, c, 4, dtype=t), y=floats(c, 4, dtype=t)",
        """
        torch.atan2(x, y)
        """,
    ),
    *proofs(
        "hypot",
        "x=floats(b, c, 4, dtype=t), y=floats(c, 4, dtype=t)",
        """
        torch.hypot(x, y)
        """,
    ),
    *proofs(
        "addcmul addcdiv lerp",
        "x=floats(b, c, 4, dtype=t), y=floats(c, 4, dtype=t), p=positive(b, c, 4, dtype=t)",
        """
        torch.addcmul(x, y, p); torch.addcmul(x, y, p, value=0.5); torch.addcdiv(x, y, p); torch.addcdiv(x, y, p,
        value=2); torch.lerp(x, y, 0.3); torch.lerp(x, y, 0.7); torch.lerp(x, y, p / 8)
        """,
    ),
    *proofs(
        "maximum minimum max min fmax fmin",
        "x=wild(b, c, 4, dtype=t), y=floats(c, 4, dtype=t), s=floats(dtype=t), i=integers(b, c, 4), j=integers(c, 4)",
        """
        torch.maximum(x, y); torch.minimum(x, y); torch.max(x, y); torch.min(x, y); torch.min(x, s);
        torch.maximum(i, j); torch.minimum(i, j); torch.max(i, j); torch.maximum(y, i); torch.minimum(i, y);
        torch.fmax(x, y); torch.fmin(x, y)
        """,
    ),
]
