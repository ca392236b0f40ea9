"""Gaps in what the cache holds: keys and values that lie in another order, or more of them than there are layers."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.caches import is_layer_index
from qeff_codegen.anatomy.gap import Gap, short
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, parameters
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.patterns.match import match
from qeff_codegen.patterns.pattern import Pattern

# The cached part and the new one, joined along the first or the second axis.
JOINS = tuple(
    Pattern(f"$all = torch.cat({both}, dim={axis})")
    for both in ("[$cached, $new]", "($cached, $new)")
    for axis in (0, 1)
)
PAST = ("past", "cache")


def keys_along_other_axis(_file: ModelingFile, _lm: ModelingClass, classes: tuple[ModelingClass, ...]) -> Gap | None:
    """Keys and values of a given pair that new ones are joined to where another axis than the third counts tokens."""
    for cls in classes:
        given = {name for name in parameters(cls.forward) if _is_past(name)} if cls.forward is not None else set()
        cached = _parts_of(given, cls.forward)
        joined = [
            node
            for node in find(ast.Assign, cls.forward)
            if isinstance(node.value, ast.Call) and spelled(node.value.func) == "torch.cat"
            for form in JOINS
            if (found := match(form, node)) is not None
            and found.spelled("cached") in cached
            and found.name("all") in {item.id for item in find(ast.Name, found["new"])}
        ]
        if len(joined) > 1:
            return Gap(
                f"`{cls.name}` keeps keys and values in another order of axes: `{short(joined[0])}`",
                joined[0].lineno,
                "keys and values as [batch, heads, tokens, size], to which new ones are joined along the third axis",
                "another order of axes, in the attention and in the cache, needs an idea for both",
            )
    return None


def keys_of_other_number(_file: ModelingFile, _lm: ModelingClass, classes: tuple[ModelingClass, ...]) -> Gap | None:
    """A cache that is updated at a number which is computed from the layer's, as for layers that run several times."""
    for cls in classes:
        for call in find(ast.Call, cls.forward):
            if not isinstance(call.func, ast.Attribute) or call.func.attr != "update" or len(call.args) < 3:
                continue
            number = call.args[2]
            if is_layer_index(number, cls.forward):  # type: ignore[arg-type]
                continue
            if isinstance(number, ast.BinOp) and any(item.attr == "layer_idx" for item in find(ast.Attribute, number)):
                return Gap(
                    f"`{cls.name}` keeps keys and values at a number that is not its layer's: `{short(number)}`",
                    number.lineno,
                    "`<cache>.update(<key>, <value>, self.layer_idx)`, one pair of keys and values for each layer",
                    "layers that run several times, each time with keys of their own, need an idea for what is kept",
                )
    return None


def _is_past(name: str) -> bool:
    return any(part in name for part in PAST)


def _parts_of(given: set[str], forward: ast.FunctionDef | None) -> set[str]:
    """How the two parts of a given pair are spelled: by index, or by the names that they are unpacked to."""
    parts = {f"{name}[{index}]" for name in given for index in (0, 1)}
    for node in find(ast.Assign, forward):
        target, value = node.targets[0], node.value
        pairs = isinstance(value, ast.Tuple) and {spelled(item) for item in value.elts} <= parts
        if isinstance(target, ast.Tuple) and (pairs or spelled(value) in given):
            parts |= {spelled(item) for item in target.elts}
    return parts
