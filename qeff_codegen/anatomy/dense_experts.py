"""Recognise experts that all compute every token, in two kinds of classes.

The experts multiply one stretch of rows for each expert with that expert's weight, by a batched product. A dispatcher
repeats the tokens once for each expert, scaled by scores that are zero where a token did not choose the expert.
"""

from __future__ import annotations

import ast
import re

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, self_attribute
from qeff_codegen.anatomy.roles import Role

ONE_STRETCH_EACH = re.compile(r"(\w+) = \1\.view\(self\.(\w+)\.shape\[0\], -1, self\.\w+\)")


def find_dense_experts(file: ModelingFile, reachable: tuple[str, ...]) -> tuple[Part, ...]:
    """The reachable classes that multiply every expert's stretch at once, and those that call them."""
    experts = {name for name in reachable if _multiplies_all(file.classes[name])}
    dispatchers: list[Part] = []
    for name in reachable:
        cls = file.classes[name]
        attributes = {attribute for attribute, built in cls.built.items() if experts & set(built)}
        called = sorted(
            attribute
            for node in (ast.walk(cls.forward) if cls.forward is not None else ())
            if isinstance(node, ast.Call) and (attribute := self_attribute(node.func)) in attributes
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
    views = [match for item in cls.forward.body if (match := ONE_STRETCH_EACH.fullmatch(ast.unparse(item)))]
    text = ast.unparse(cls.forward)
    return any(f"torch.bmm({view[1]}, self.{view[2]})" in text for view in views)
