"""Make the token types of a sequence where upstream gathers them by position from a buffer of zeros.

Without token types upstream takes zeros: from a buffer registered for the purpose, gathered by position, or, where the
module has no such buffer, made as they are needed. A pad's position is -1, which cannot be gathered by; what is made
is the same.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.buffers import buffers_of
from qeff_codegen.anatomy.modeling_file import ModelingClass
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import FactsRule
from qeff_codegen.engine.rule import Unmatched
from qeff_codegen.patterns.match import Match, equal, find_all, match
from rewrite_rules.vocabulary import POSITIONS, pattern

HAS_BUFFER = pattern("hasattr(self, $buffer)")
ASKED = pattern("if hasattr(self, $buffer):\n    $...taken\nelse:\n    $types = torch.zeros(...)")
# What chooses among a buffer's values and computes nothing.
CHOOSES = pattern(
    "$name = {$of.to($_.device).expand(...), $of.expand(...),"
    f" torch.gather($of, dim=1, index={POSITIONS}), $of[:, $_]}}"
)
ZEROS = pattern("torch.zeros(...)")


class TokenTypesMade(FactsRule):
    why = "A pad's position is -1, which cannot be gathered by; the token types are zeros either way."
    roles = (Role.EMBEDDINGS,)
    facts = {HAS_BUFFER.text: False}
    construct = f"`if {HAS_BUFFER}: ... else: $types = {ZEROS}`, a buffer registered as zeros"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        for found in find_all(HAS_BUFFER, code):
            branch = match(ASKED, code.statement_of(found.node))
            if branch is None or not _same(branch, anatomy.file.classes[function.owner or ""]):
                text = ast.unparse(found.node)
                raise Unmatched(f"`{text}` decides more than where zeros are taken from", found.node)
        return super().rewrite(function, anatomy)


def _same(branch: Match, cls: ModelingClass) -> bool:
    """Whether both sides leave zeros in the same name, and nothing else that anyone reads."""
    buffer, taken = branch["buffer"], branch.bound["taken"]
    name = buffer.value if isinstance(buffer, ast.Constant) else None
    if not isinstance(name, str) or not isinstance(taken, list) or not _is_of_zeros(name, cls):
        return False
    zeros: list[ast.expr] = [ast.Attribute(ast.Name("self"), name)]
    for item in taken:
        chosen = match(CHOOSES, item)
        if chosen is None or not any(equal(chosen["of"], known) for known in zeros):
            return False
        zeros.append(chosen["name"])
    return equal(zeros[-1], branch["types"])


def _is_of_zeros(name: str, cls: ModelingClass) -> bool:
    """Whether a buffer is registered with zeros that no checkpoint replaces."""
    registered = [item for item in buffers_of(cls.node) if item.name == name]
    return bool(registered) and all(match(ZEROS, item.value) and not item.persistent for item in registered)
