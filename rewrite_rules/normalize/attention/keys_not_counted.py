"""Count no keys where an attention counts them only to ask for rows of a table, or to check what it computes.

Older attentions add the number of new keys to that of the cached ones, ask the rotation for so many rows, and raise
where scores or mask have another size. In a preallocated cache there are as many keys as the context is long; the
rotation gives the rows of all positions, and what is compared are sizes of the same tensors.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.calls import arguments_of, drop_arguments
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import names_in, values_of
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all
from rewrite_rules.raised import raised_in
from rewrite_rules.rows import attributes_holding
from rewrite_rules.vocabulary import CACHE, pattern

NEW = pattern("$count = {$key.shape[-2], $key.size(-2), $key.shape[2], $key.size(2)}")
HELD = f"{{{CACHE}.get_usable_length(...), {CACHE}.get_seq_length(...)}}"
ADDED = pattern(f"$count = $count + {HELD}")
# The layer's number is given whenever a layer is made.
NUMBERED = pattern("if self.layer_idx is None:\n    raise $_")


class KeysNotCounted(Rule):
    why = "The keys are as many as the context is long; upstream counts them for a table and for checks alone."
    roles = (Role.ATTENTION,)
    names = ("get_usable_length", "get_seq_length")
    construct = f"`{NEW}`, `{ADDED}`, read by `self.<rotation>(...)` and by checks of sizes that raise"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        added = find_all(ADDED, code) if function.is_forward else []
        if not added:
            return code, 0
        name = added[0].name("count")
        edits = Edits(code)
        started = [found for found in find_all(NEW, code) if found.name("count") == name]
        if not name or len(values_of(name, code)) != len(started) + len(added) or len(started) != 1:
            raise Unmatched("keys are counted in another way", added[0].node)
        gone = [*(found.statements[0] for found in (*started, *added)), *_checks(code, name)]
        gone += [found.statements[0] for found in find_all(NUMBERED, code)]
        for statement in gone:
            edits.remove(statement)
        inside = {node for statement in gone for node in ast.walk(statement)}
        asked = _asked_of_rotations(function, anatomy, name)
        for call, argument in asked:
            drop_arguments(edits, call, [argument])
            inside |= set(ast.walk(argument))
        for node in code.nodes(ast.Name):
            if node.id == name and node not in inside:
                raise Unmatched(f"`{name}`, the number of keys, is used for more than rows and checks", node)
        return edits.done(), len(added)


def _checks(code: Code, name: str) -> list[ast.stmt]:
    """Checks of sizes that raise by the number of keys, and do nothing else."""
    return [item.node for item in raised_in(code.tree) if item.stands_alone and name in names_in(item.test)]


def _asked_of_rotations(
    function: Function, anatomy: Anatomy, name: str
) -> list[tuple[ast.Call, ast.expr | ast.keyword]]:
    """The calls of rotations that are told the number of keys, each with that argument."""
    cls = anatomy.file.classes[function.owner or ""]
    rotations = {f"self.{attribute}" for attribute in attributes_holding(Role.ROTARY_EMBEDDING, cls, anatomy)}
    found = []
    for call in function.code.nodes(ast.Call):
        if ast.unparse(call.func) in rotations:
            for item in arguments_of(call):
                value = item.value if isinstance(item, ast.keyword) else item
                if isinstance(value, ast.Name) and value.id == name:
                    found.append((call, item))
    return found
