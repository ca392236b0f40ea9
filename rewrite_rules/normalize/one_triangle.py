"""Mask later tokens once: by the mask that attention is given, and not by a triangle that it keeps as well.

Older attentions keep a lower triangle of all positions in a buffer and take its last rows, before they add the mask
that the model has built, which is causal already. The generated mask is causal too, so the triangle forbids nothing
more; its last rows would be those of the end of the context.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.buffers import buffers_of
from qeff_codegen.anatomy.modeling_file import ModelingClass
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.names import names_outside, values_of
from qeff_codegen.engine.pattern_rule import Change, PatternRule
from qeff_codegen.patterns.conditions import READ_NOWHERE_ELSE, Condition, Place
from qeff_codegen.patterns.match import Match, match
from rewrite_rules.vocabulary import pattern

TRIANGLE = pattern("torch.tril(torch.ones(($n, $n), dtype=torch.bool)).view(1, 1, $n, $n)")


def _is_triangle(node: ast.expr, found: Match, place: Place) -> bool:
    attentions = place.anatomy.parts(Role.ATTENTION)
    return isinstance(node, ast.Attribute) and all(_keeps_triangle(part.cls, node.attr) for part in attentions)


def _keeps_triangle(cls: ModelingClass, table: str) -> bool:
    made = cls.methods.get("__init__")
    kept = [] if made is None else [item.value for item in buffers_of(made) if item.name == table]
    return any(match(TRIANGLE, value) is not None for value in kept)


def _is_the_mask_elsewhere(node: ast.expr, found: Match, place: Place) -> bool:
    if not isinstance(node, ast.Name):
        return False
    left = names_outside(place.code, *found.nodes)
    slices = [item.value for item in values_of(node.id, place.code) if isinstance(item, ast.Subscript)]
    sliced = any(isinstance(item, ast.Name) and item.id == place.mask for item in slices)
    return place.mask in left and (sliced or node.id not in left)


class OneTriangle(PatternRule):
    why = "The mask that attention is given is causal; a triangle kept beside it forbids nothing more."
    roles = (Role.ATTENTION, Role.ATTENTION_FUNCTION)
    changes = (
        Change(
            """
            if not $_.is_cross_attention:
                $queries, $keys = $query.size(-2), $key.size(-2)
                $rows = $table[:, :, $keys - $queries : $keys, :$keys]
                $least = torch.finfo($scores.dtype).min
                $least = {torch.full([], $least, ...), torch.tensor($least, ...), torch.tensor($least, ...).to($_)}
                $scores = torch.where($rows, {$scores, $scores.to($scores.dtype)}, $least)
            """,
            "",
            where={
                "table": Condition(f"is `{TRIANGLE}`", _is_triangle),
                "rows": Condition("is elsewhere, if at all, a slice of the mask", _is_the_mask_elsewhere),
                "queries": READ_NOWHERE_ELSE,
                "keys": READ_NOWHERE_ELSE,
                "least": READ_NOWHERE_ELSE,
            },
        ),
    )
