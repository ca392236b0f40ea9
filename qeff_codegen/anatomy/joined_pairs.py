"""Find attentions of older files that keep keys and values as a pair of tensors, and join the new ones to them.

Before there were cache objects, an attention was given the pair of its own layer, put the new keys and values behind
those, and returned the longer pair; the model took the layer's pair out of a tuple, and collected the new ones.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from qeff_codegen.anatomy.modeling_file import ModelingClass
from qeff_codegen.codemod.tree import find, walk
from qeff_codegen.patterns.match import match
from qeff_codegen.patterns.pattern import Pattern

# By which parameter an attention that keeps no number of its own is told that of its layer.
LAYER_NUMBER = "layer_idx"
# Keys and values are [batch, heads, tokens, size].
_ENDS = ("dim=2", "dim=-2", "2", "-2")
_FIRST = ", ".join(f"torch.cat({both}, {end})" for both in ("[{0}, {1}]", "({0}, {1})") for end in _ENDS)
JOINED = (
    Pattern(f"""
if $pair is not None:
    $key = {{{_FIRST.format("$pair[0]", "$key")}}}
    $value = {{{_FIRST.format("$pair[1]", "$value")}}}
"""),
    Pattern(f"""
if $pair is not None:
    $past_key, $past_value = {{$pair, ($pair[0], $pair[1])}}
    $key = {{{_FIRST.format("$past_key", "$key")}}}
    $value = {{{_FIRST.format("$past_value", "$value")}}}
"""),
    Pattern(f"""
if $pair is not None:
    $past_key = $pair[0]
    $past_value = $pair[1]
    $key = {{{_FIRST.format("$past_key", "$key")}}}
    $value = {{{_FIRST.format("$past_value", "$value")}}}
"""),
)
# The pair that is given back.
PRESENT = (
    Pattern("$present = {($key, $value) if use_cache else None, ($key, $value)}"),
    Pattern("if {use_cache, use_cache is True}:\n    $present = ($key, $value)\nelse:\n    $present = None"),
)


@dataclass(frozen=True)
class JoinedPair:
    """Where an attention joins its pair.

    Attributes:
        pair: the name of the pair that it is given.
        key, value: the names of keys and values, before and after.
        present: the name of the pair that it gives back; empty if it gives none back.
        joining: the statement that joins them.
    """

    pair: str
    key: str
    value: str
    present: str
    joining: ast.If


def joined_pair(cls: ModelingClass) -> JoinedPair | None:
    """Where the forward of a class joins new keys and values to a pair that it is given, if it does so once."""
    found = []
    for statement in find(ast.If, cls.forward):
        matched = next((item for form in JOINED if (item := match(form, statement)) is not None), None)
        if matched is not None and matched.are_names("pair", "key", "value"):
            names = {"key": matched["key"], "value": matched["value"]}
            given = [
                item.name("present")
                for form in PRESENT
                for node in (walk(cls.forward) if cls.forward is not None else ())
                if isinstance(node, ast.Assign | ast.If) and (item := match(form, node, known=names)) is not None
            ]
            pair, key, value = (matched.name(name) for name in ("pair", "key", "value"))
            found.append(JoinedPair(pair, key, value, given[0] if given else "", statement))
    return found[0] if len(found) == 1 else None
