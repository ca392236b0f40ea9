"""Make a bias that no call has a part in when the classes are exchanged, not in the graph.

Where a model's forward asks one of its own methods for something and hands it nothing but settings, the answer is the
same in every call: the slopes of a linear bias for every position, for instance. Traced, it becomes a constant of the
graph, which takes memory like a weight and is named like nothing; as a buffer it is one of the model's tensors.
"""

from __future__ import annotations

import re

import libcst as cst

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Draft
from qeff_codegen.engine.rule import Rule
from rewrite_rules._matching import assigned_name, source

CALL = re.compile(r"self\.(?P<method>\w+)\((?P<settings>self\.[\w.]+(?:, self\.[\w.]+)*), device=\w+\.device\)")

MAKE = '    self.register_buffer("{name}_cached", self.{method}({settings}, device=self.device), persistent=False)\n'


class BiasMadeOnce(Rule):
    why = "What depends on settings alone is made once, as a buffer, and is no constant of the graph."
    roles = (Role.MODEL,)
    construct = (
        "`<bias> = self.<method>(self.<setting>, ..., device=<states>.device)`, the method being the class's own"
    )

    def apply(self, draft: Draft) -> None:
        draft.matches[self.id] = 0
        for function in [item for item in draft.functions if self.applies_to(item) and item.is_forward]:
            part = draft.anatomy.part(function.owner or "")
            reader = _ReadBuffers(set() if part is None else set(part.cls.methods))
            node = cst.ensure_type(function.node.visit(reader), cst.FunctionDef)
            if not reader.made:
                continue
            function.replace(node, self.id)
            body = "".join(
                MAKE.format(name=name, method=method, settings=settings) for name, method, settings in reader.made
            )
            draft.add_method(function.owner or "", f"def __qeff_init__(self):\n{body}", self.id)
            draft.matches[self.id] += len(reader.made)


class _ReadBuffers(cst.CSTTransformer):
    """Reads the buffer where the method was asked."""

    def __init__(self, methods: set[str]) -> None:
        self.methods = methods
        self.made: list[tuple[str, str, str]] = []

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine:
        assigned = assigned_name(updated_node)
        call = CALL.fullmatch(" ".join(source(assigned[1]).split())) if assigned is not None else None
        if assigned is None or call is None or call["method"] not in self.methods:
            return updated_node
        self.made.append((assigned[0], call["method"], call["settings"]))
        statement = updated_node.body[0].with_changes(value=cst.parse_expression(f"self.{assigned[0]}_cached"))
        return updated_node.with_changes(body=[statement])
