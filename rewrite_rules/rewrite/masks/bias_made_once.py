"""Make a bias that no call has a part in when the classes are exchanged, not in the graph.

Where a model's forward asks one of its own methods for something and hands it nothing but settings, the answer is the
same in every call: the slopes of a linear bias for every position, for instance. Traced, it becomes a constant of the
graph, which takes memory like a weight and is named like nothing; as a buffer it is one of the model's tensors.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, find_all
from rewrite_rules.vocabulary import pattern

ASKED = pattern("$bias = $method($...settings, device=$_.device)")
MAKE = '    self.register_buffer("{bias}_cached", {method}({settings}, device=self.device), persistent=False)\n'


class BiasMadeOnce(Rule):
    why = "What depends on settings alone is made once, as a buffer, and is no constant of the graph."
    roles = (Role.MODEL,)
    construct = f"`{ASKED}`, the method being the class's own and the settings attributes of `self`"

    def apply(self, draft: Draft) -> None:
        self.made: dict[str, str] = {}
        super().apply(draft)
        for owner, body in self.made.items():
            draft.add_method(owner, f"def __qeff_init__(self):\n{body}", self.id)

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        part = anatomy.part(function.owner or "")
        if not function.is_forward or part is None:
            return code, 0
        edits = Edits(code)
        asked = [item for item in find_all(ASKED, code) if _is_same_always(item, set(part.cls.methods))]
        names = [found.spelled("bias") for found in asked]
        if len(set(names)) < len(names):
            raise Unmatched("a bias is made of these settings or of others, under one name", asked[-1].node)
        body = ""
        for found in asked:
            statement, settings = found.node, found.bound["settings"]
            assert isinstance(statement, ast.Assign) and isinstance(settings, list)
            bias, method = found.spelled("bias"), found.spelled("method")
            edits.replace(statement.value, f"self.{bias}_cached")
            body += MAKE.format(bias=bias, method=method, settings=", ".join(ast.unparse(item) for item in settings))
        if body:
            self.made[part.name] = body
        return edits.done(), len(asked)


def _is_same_always(found: Match, methods: set[str]) -> bool:
    """Whether a method of the class is handed settings, and some, but nothing else."""
    settings = found.bound["settings"]
    assert isinstance(settings, list)
    return (
        found.are_names("bias")
        and bool(settings)
        and self_attribute(found["method"]) in methods
        and all(map(_is_setting, settings))
    )


def _is_setting(node: ast.AST) -> bool:
    """Whether an expression is `self.x`, or an attribute of such a one."""
    while isinstance(node, ast.Attribute):
        if self_attribute(node) is not None:
            return True
        node = node.value
    return False
