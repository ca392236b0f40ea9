"""Refuse, when the model is run, a setting by which its table of positions numbers tokens instead of taking positions.

Where a setting chooses the table, one class may take positions and the other may not: it numbers the tokens that are
no pads, by their values. A decoder is given positions, so the branch that would number tokens raises instead.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import parameters, self_attribute
from qeff_codegen.anatomy.position_tables import position_table
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import match
from rewrite_rules.chosen_by_setting import class_called
from rewrite_rules.vocabulary import POSITIONS, pattern

CONFIGURATION = pattern("self.config")
LOOKED_UP = pattern("$rows = $table(...)")


class PositionsTaken(Rule):
    why = "Positions are given: a setting whose table numbers tokens by their values is an error, not ignored."
    roles = (Role.MODEL, Role.LAYER_STACK)
    names = ("config",)
    construct = f"`if self.config.<setting>: {LOOKED_UP}`, else of another table, of which one takes `{POSITIONS}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        edits = Edits(code)
        count = 0
        for node in code.nodes(ast.If):
            setting = node.test.attr if isinstance(node.test, ast.Attribute) else None
            if setting is None or match(CONFIGURATION, node.test.value) is None:  # type: ignore[attr-defined]
                continue
            branches = (node.body, node.orelse)
            takes = [_takes_positions(branch, function, anatomy) for branch in branches]
            if sorted(map(str, takes)) == ["False", "True"]:
                refused = branches[takes.index(False)]
                value = refused is node.body
                what = f"with `config.{setting}={value}` tokens are numbered by their values, not by their positions"
                edits.replace_statements(refused, f'raise ValueError("{what}")')
                count += 1
        return edits.done(), count


def _takes_positions(branch: list[ast.stmt], function: Function, anatomy: Anatomy) -> bool | None:
    """Whether the table that a branch looks rows up in takes positions; None where it does no such thing."""
    found = match(LOOKED_UP, branch[0]) if len(branch) == 1 else None
    call = branch[0].value if found is not None and isinstance(branch[0], ast.Assign) else None
    attribute = self_attribute(call.func) if isinstance(call, ast.Call) else None
    if attribute is None or not isinstance(call, ast.Call):
        return None
    owner = anatomy.file.classes[function.owner or ""]
    name = class_called(call, attribute, function.code, owner, anatomy.file)
    cls = anatomy.file.classes[name] if name is not None else None
    if cls is None or cls.forward is None:
        return None
    if position_table(cls) is not None:
        return True
    return None if POSITIONS in parameters(cls.forward) else False
