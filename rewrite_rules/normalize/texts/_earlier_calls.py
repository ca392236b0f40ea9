"""Branches on whether there was a call before, as older releases choose the text for one token."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from qeff_codegen.anatomy.lengths import lengths_of
from qeff_codegen.anatomy.modeling_file import self_attribute
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.names import values_of
from qeff_codegen.patterns.match import match
from rewrite_rules.vocabulary import CACHE, pattern

_ASKED = f"{CACHE}.has_previous_state($layer)"
WAS_CALLED = pattern(
    f"{{{_ASKED}, {_ASKED} and $tokens == 1, {CACHE} is not None and {_ASKED},"
    f" {CACHE} is not None and {_ASKED} and $tokens == 1}}"
)


@dataclass(frozen=True)
class Branch:
    """One choice between the texts for one token and for many.

    Attributes:
        layer: how the layer's number is spelled.
    """

    node: ast.If
    layer: str
    one: list[ast.stmt]
    many: list[ast.stmt]


def branches(code: Code) -> Iterator[Branch]:
    """Every branch of a mixer on whether there was a call before for the layer, and one token is computed now."""
    lengths = lengths_of(code.tree)
    for node in code.nodes(ast.If):
        negated = isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)
        test = node.test.operand if negated and isinstance(node.test, ast.UnaryOp) else node.test
        if isinstance(test, ast.Name):
            values = [value for value in values_of(test.id, code) if isinstance(value, ast.expr)]
            test = values[0] if len(values) == 1 else test
        found = match(WAS_CALLED, test)
        if found is None or not (self_attribute(found["layer"]) or "").startswith("layer_i"):
            continue
        if "tokens" in found.bound and not lengths.counts_new(found["tokens"]):
            continue
        one, many = (node.orelse, node.body) if negated else (node.body, node.orelse)
        yield Branch(node, found.spelled("layer"), one, many)


def tokens_of(code: Code) -> str | None:
    """The local that counts the tokens of a call, if there is one."""
    return min(lengths_of(code.tree).new, default=None)
