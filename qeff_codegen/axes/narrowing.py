"""What a condition says of names on each of its sides: what is None, and which module a layer of a kind has."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from qeff_codegen.axes.frame import Frame, Names
from qeff_codegen.axes.kinds import kind_asked
from qeff_codegen.axes.values import NONE, Instance, OneOf, Tensor, options, present
from qeff_codegen.codemod.tree import find, spelled

if TYPE_CHECKING:
    from qeff_codegen.axes.expressions import Expressions


def narrow(expressions: Expressions, test: ast.expr, holds: bool) -> None:
    """Learns from a comparison with None that holds, or does not, what a name stands for; or from a kind's."""
    _narrow_modules(expressions, test, holds)
    if not isinstance(test, ast.Compare) or not isinstance(test.left, ast.Name):
        return
    if len(test.ops) != 1 or spelled(test.comparators[0]) != "None" or test.left.id not in expressions.frame.names:
        return
    is_none = isinstance(test.ops[0], (ast.Is, ast.Eq)) == holds
    value = expressions.frame.names[test.left.id]
    expressions.frame.names[test.left.id] = NONE if is_none else present(value)


def _narrow_modules(expressions: Expressions, test: ast.expr, holds: bool) -> None:
    """Learns from a layer's kind which of its modules it has."""
    instance = expressions.frame.names.get("self")
    if not isinstance(instance, Instance) or not isinstance(test, ast.Compare):
        return
    for kind, modules in expressions.interpreter.classes.choices(instance.cls).items():
        asked = kind_asked(test, {f"self.{kind}"})
        for name, choice in modules.items():
            if asked is None:
                continue
            classes = choice.classes(asked, holds)
            before = expressions.frame.names.get(f"self.{name}")
            if before is not None:
                classes = tuple(cls for cls in classes if Instance(cls) in options(before))
            if classes:
                expressions.frame.names[f"self.{name}"] = OneOf(tuple(map(Instance, classes)))


def settled(frame: Frame, test: ast.expr) -> ast.expr | None:
    """The part of a condition that asks a module for what it has, which is the same all through a call."""
    if isinstance(test, ast.BoolOp):
        return next((part for item in test.values if (part := settled(frame, item)) is not None), None)
    if isinstance(test, ast.UnaryOp):
        return settled(frame, test.operand)
    if not isinstance(test, (ast.Attribute, ast.Compare)) or spelled(test) in frame.assumed:
        return None
    roots = [node for node in find(ast.Name, test) if isinstance(node.ctx, ast.Load)]
    known = roots and all(isinstance(frame.names.get(node.id), Instance) for node in roots)
    return test if known else None


def unlearn(frame: Frame, before: Names) -> None:
    """Forgets that something is not None after what may not have been come to."""
    for name, value in before.items():
        if isinstance(value, Tensor) and value.optional and frame.names.get(name) == present(value):
            frame.names[name] = value
