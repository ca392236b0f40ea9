"""Recognise experts that all compute every token, in two kinds of classes.

The experts multiply one stretch of rows for each expert with that expert's weight, by a batched product. A dispatcher
repeats the tokens once for each expert, scaled by scores that are zero where a token did not choose the expert.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.tree import find, spelled


def find_dense_experts(file: ModelingFile, reachable: tuple[str, ...]) -> tuple[Part, ...]:
    """The reachable classes that multiply every expert's stretch at once, and those that call them."""
    experts = {name for name in reachable if _multiplies_all(file.classes[name])}
    dispatchers: list[Part] = []
    for name in reachable:
        cls = file.classes[name]
        attributes = {attribute for attribute, built in cls.built.items() if experts & set(built)}
        called = sorted(
            attribute
            for call in find(ast.Call, cls.forward)
            if (attribute := self_attribute(call.func)) in attributes
            if attribute is not None
        )
        if called:
            because = f"its forward repeats the tokens for each expert of `self.{called[0]}`"
            dispatchers.append(Part(Role.DENSE_DISPATCHER, cls, (because,)))
    because_all = ("its forward multiplies the rows of all experts at once",)
    found = [Part(Role.DENSE_EXPERTS, file.classes[name], because_all) for name in reachable if name in experts]
    return (*found, *dispatchers) if dispatchers else ()


def _multiplies_all(cls: ModelingClass) -> bool:
    """Whether forward views its rows as one stretch for each expert and multiplies them with the experts' weight."""
    if cls.forward is None:
        return False
    products = {
        tuple(map(spelled, call.args))
        for call in find(ast.Call, cls.forward)
        if spelled(call.func) == "torch.bmm" and not call.keywords
    }
    return any(one_stretch_each(item) in products for item in cls.forward.body)


def one_stretch_each(statement: ast.stmt) -> tuple[str, str] | None:
    """`(rows, self.<weight>)` where a statement is `rows = rows.view(self.<weight>.shape[0], -1, self.<columns>)`."""
    if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call):
        return None
    view, rows = statement.value, spelled(statement.targets[0])
    if spelled(view.func) != f"{rows}.view" or len(view.args) != 3 or view.keywords or len(statement.targets) != 1:
        return None
    stretches, each, columns = view.args
    sized = stretches.value if isinstance(stretches, ast.Subscript) and spelled(stretches.slice) == "0" else None
    weight = sized.value if isinstance(sized, ast.Attribute) and sized.attr == "shape" else None
    if weight is None or self_attribute(weight) is None or self_attribute(columns) is None or spelled(each) != "-1":
        return None
    return rows, spelled(weight)
