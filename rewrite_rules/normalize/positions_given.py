"""Drop the positions that upstream makes up when none are given.

An exported decoder is always given `position_ids`. The branch for their absence counts on from the length of a growing
cache, which a preallocated one does not have, so it could only be wrong. That is so for a branch that counts tokens
one by one from what is cached; one that does anything else makes another model, and is a refusal.

Embeddings that are a module of their own count with a buffer of all positions, from the number of tokens that their
caller says are cached. Some begin after the number of the pad token, and not at 0: those are refused.
"""

from __future__ import annotations

import ast
import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.buffers import buffers_of
from qeff_codegen.anatomy.modeling_file import parameters
from qeff_codegen.anatomy.roles import CALL_PATH, Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._folding import fold, none_comparison
from rewrite_rules._functions import values_of

POSITIONS = frozenset({"position_ids"})
SEEN = re.compile(r"(\w+)\.get_seq_length\(\) if \1 is not None else 0|0 if (\w+) is None else \2\.get_seq_length\(\)")
# How upstream counts: from what is cached, and for padded batches the tokens that are not pads.
COUNTED = tuple(
    re.compile(pattern)
    for pattern in (
        r"\(?torch\.arange\([\w.]+(\[-?1\])?, device=\w+\.device\) \+ (?P<seen>\w+)\)?(\.unsqueeze\(0\))?",
        r"torch\.arange\((?P<seen>\w+), [\w.]+\[-?1\] \+ (?P=seen), dtype=torch\.long, device=.+\)",
        r"torch\.cumsum\((position_)?attention_mask, dim=1\)",
        r"\(position_ids \* (position_)?attention_mask - 1\)\.long\(\)",
        r"position_ids\[:, (?P<seen>\w+):\]",
        r"position_ids\.unsqueeze\(0\)(\.expand\(batch_size, -1\)|\.repeat\((\w+\.shape|input_shape)\[0\], 1\))?",
        r"position_ids\.view\(1, 1, -1\)\.expand\(\d, \w+\.shape\[0\], -1\)",
    )
)
# A buffer that holds its own index, and the number of new tokens.
ALL_POSITIONS = re.compile(r"torch\.arange\(config\.\w+\)\.expand\(\(1, -1\)\)")
LENGTHS = {"input_shape[1]", "input_ids.size(1)"}


class PositionsGiven(Rule):
    why = "`position_ids` is always given; counting on from the length of a preallocated cache would be wrong."
    roles = (*CALL_PATH, Role.EMBEDDINGS)
    words = ("position_ids is",)
    construct = (
        "`if position_ids is None:` that counts `arange(<new tokens>) + <cached tokens>`, and does nothing else"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        node, decided = fold(function.node, _absent)
        if decided:
            tree = ast.parse(cst.Module([function.node]).code)
            buffers = _counting_buffers(anatomy, function)
            other = next((item for item in _branches(tree) if not _only_counts(item, tree, buffers)), None)
            if other is not None:
                first = other.split("\n", 1)[0]
                raise Unmatched(f"without `position_ids` upstream does more than count: `{first}`", function.node)
        return node, decided


def _absent(test: cst.BaseExpression) -> bool | None:
    found = none_comparison(test, POSITIONS)
    return None if found is None else not found


def _branches(tree: ast.Module) -> list[str]:
    """What hangs on whether positions are given, as source: the branches of `if`, and any other such question."""
    found: list[str] = []
    questions = {
        id(node): node
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) and ast.unparse(node).startswith("position_ids is")
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Compare) and id(node.test) in questions:
            question = questions.pop(id(node.test))
            if isinstance(question.ops[0], ast.Is) and not node.orelse:
                found += [ast.unparse(item) for item in node.body]
            else:
                found.append(ast.unparse(node.test))
    return found + [ast.unparse(node) for node in questions.values()]


def _counting_buffers(anatomy: Anatomy, function: Function) -> set[str]:
    """What embeddings count with: a slice of a buffer of all positions, from a number that they are given."""
    made = anatomy.file.classes[function.owner].methods.get("__init__") if function.owner else None
    if function.role is not Role.EMBEDDINGS or made is None:
        return set()
    given = anatomy.file.classes[function.owner or ""].forward
    return {
        f"self.{buffer.name}[:, {seen}:seq_length + {seen}]"
        for buffer in buffers_of(made)
        if ALL_POSITIONS.fullmatch(ast.unparse(buffer.value))
        for seen in (parameters(given) if given is not None else ())
    }


def _only_counts(statement: str, tree: ast.Module, buffers: set[str]) -> bool:
    name, _, value = statement.partition(" = ")
    if name != "position_ids":
        return SEEN.fullmatch(value) is not None or value.endswith(".shape[0]")
    if value in buffers:
        return all(item in LENGTHS for item in values_of("seq_length", tree))
    for pattern in COUNTED:
        match = pattern.fullmatch(value)
        if match is not None:
            seen = match.groupdict().get("seen")
            return seen is None or _is_cached_length(seen, tree)
    return False


def _is_cached_length(name: str, tree: ast.Module) -> bool:
    """Whether `name` is only ever bound to the length of the cache."""
    values = values_of(name, tree)
    return bool(values) and all(SEEN.fullmatch(value) for value in values)
