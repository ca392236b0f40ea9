"""Call torch where upstream names the axes of a tensor in a text for einops.

`rearrange(x, "b q (h g d) -> b q h g d", g=2, d=size)` takes one axis apart, the other way round it joins some, and
axes may trade places between; `repeat(x, "b n h d -> b n (h 4) d")` writes each entry several times in a row. Said by
numbers, those are `unflatten`, `permute`, `flatten` and `repeat_interleave`, which exporters and the promises know.

    rearrange(x, "b q (h g d) -> b q h g d", g=2, d=size)  -> x.unflatten(2, (-1, 2, size))
    rearrange(x, "b q h g d -> b q (h g) d")               -> x.flatten(2, 3)
    repeat(x, "b n h d -> b n (h 4) d")                    -> x.repeat_interleave(4, dim=2)
"""

from __future__ import annotations

import ast
import re

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, find_all
from qeff_codegen.patterns.template import fill
from rewrite_rules.vocabulary import pattern

REARRANGED, REPEATED = pattern("einops.rearrange($x, $axes, ...)"), pattern("einops.repeat($x, $axes)")
_ATOM = re.compile(r"\(([^()]*)\)|(\S+)")
Axes = list[list[str]]


class AxesByNumber(Rule):
    why = "Axes that upstream names in a text are numbered; exporters know torch's own functions."
    roles = (Role.ATTENTION,)
    construct = f"`{REARRANGED}` or `{REPEATED}` with a text that takes axes apart, joins or turns them"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        edits, code = Edits(function.code), function.code
        found = [(item, _repeated(item)) for item in find_all(REPEATED, code)]
        found += [(item, _rearranged(item)) for item in find_all(REARRANGED, code)]
        # From the inside out: what is inside of a call begins after it.
        for item, text in sorted(found, key=lambda pair: _place(pair[0]), reverse=True):
            assert isinstance(item.node, ast.expr)
            if text is None or isinstance(item["x"], ast.List | ast.Tuple):
                raise Unmatched("axes are named in a text that is not understood", item.node)
            edits.replace(item.node, fill(f"$x{text}", item, edits))
        return edits.done(), len(found)


def _place(found: Match) -> tuple[int, int]:
    assert isinstance(found.node, ast.expr)
    return found.node.lineno, found.node.col_offset


def _rearranged(found: Match) -> str | None:
    """`rearrange` as `unflatten`, `permute` and `flatten`, as many of them as it takes; None for any other text."""
    sides = _sides(_text(found["axes"]))
    if sides is None or any(not axis for side in sides for axis in side):
        return None
    assert isinstance(found.node, ast.Call)
    sizes = {item.arg: ast.unparse(item.value) for item in found.node.keywords if item.arg}
    before, after = sides
    text = ""
    for place, axis in reversed(list(enumerate(before))):
        if len(axis) > 1:
            unknown = [name for name in axis if name not in sizes]
            if len(unknown) > 1:
                return None
            text += f".unflatten({place}, ({', '.join(sizes.get(name, '-1') for name in axis)}))"
    flat, wanted = [name for axis in before for name in axis], [name for axis in after for name in axis]
    if sorted(flat) != sorted(wanted) or len(set(flat)) != len(flat):
        return None
    if flat != wanted:
        text += f".permute({', '.join(str(flat.index(name)) for name in wanted)})"
    for place, axis in enumerate(after):
        if len(axis) > 1:
            text += f".flatten({place}, {place + len(axis) - 1})"
    return text


def _repeated(found: Match) -> str | None:
    """`repeat` of each entry of one axis, a number of times in a row; None for any other text."""
    count: str | None = None
    axes = found["axes"]
    text = _text(axes)
    if isinstance(axes, ast.JoinedStr):
        given = [item for item in axes.values if isinstance(item, ast.FormattedValue)]
        if len(given) != 1 or given[0].conversion != -1 or given[0].format_spec is not None:
            return None
        count = ast.unparse(given[0].value)
        text = "".join(str(item.value) if isinstance(item, ast.Constant) else "0" for item in axes.values)
    sides = _sides(text)
    if sides is None or any(len(axis) != 1 for axis in sides[0]) or len(sides[0]) != len(sides[1]):
        return None
    unlike = [place for place, axis in enumerate(sides[1]) if axis != sides[0][place]]
    if len(unlike) != 1 or len(sides[1][unlike[0]]) != 2:
        return None
    (name,), (kept, times) = sides[0][unlike[0]], sides[1][unlike[0]]
    if kept != name or not times.isdecimal() or (count is None) == (times == "0"):
        return None
    return f".repeat_interleave({count or times}, dim={unlike[0]})"


def _text(axes: object) -> str:
    return axes.value if isinstance(axes, ast.Constant) and isinstance(axes.value, str) else ""


def _sides(text: str) -> tuple[Axes, Axes] | None:
    """The axes before and after `->`, each as the names that are joined in it; None for what has none, or `...`."""
    sides = [[(joined or alone).split() for joined, alone in _ATOM.findall(side)] for side in text.split("->")]
    if len(sides) != 2 or "..." in text or not all(sides):
        return None
    return sides[0], sides[1]
