"""What a placeholder may stand for: the conditions that a rule can put beside a pattern.

The list is closed: a rule that needs to know more reasons in code of its own. Each condition says in words what it
asks for, so that a message can say what was expected.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.caches import added_to_index, is_layer_index
from qeff_codegen.anatomy.modeling_file import ModelingClass
from qeff_codegen.codemod.bindings import bindings
from qeff_codegen.codemod.code import Code
from qeff_codegen.patterns.match import Match, match
from qeff_codegen.patterns.pattern import Pattern


@dataclass(frozen=True)
class Place:
    """Where a match is looked at.

    Attributes:
        code: the function.
        owner: the class that it is a method of, or None.
    """

    code: Code
    owner: ModelingClass | None
    anatomy: Anatomy

    @property
    def mask(self) -> str | None:
        """The parameter by which the function is given the attention mask, if it masks scores."""
        name = self.code.tree.name if self.owner is None else f"{self.owner.name}.{self.code.tree.name}"
        return self.anatomy.mask_parameters.get(name)


@dataclass(frozen=True)
class Condition:
    """One thing asked of what a placeholder stands for.

    Attributes:
        says: what is asked, as the end of a sentence that begins with the placeholder.
    """

    says: str
    holds: Callable[[ast.expr, Match, Place], bool]


def made_by(constructor: str) -> Condition:
    """An attribute of `self` that only ever holds a module of `torch.nn`."""

    def holds(node: ast.expr, found: Match, place: Place) -> bool:
        return (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
            and place.owner is not None
            and node.attr in place.owner.made_by(constructor)
        )

    return Condition(f"is an `nn.{constructor}`, made in `__init__`", holds)


def _is_given_in_init(node: ast.expr, found: Match, place: Place) -> bool:
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name) or node.value.id != "self":
        return False
    values = place.owner.assigned.get(node.attr, ()) if place.owner is not None else ()
    return bool(values) and all(isinstance(value, ast.Name) for value in values)


def _is_layer_index(node: ast.expr, found: Match, place: Place) -> bool:
    if isinstance(node, ast.BinOp) and added_to_index(node, place.code.tree):
        return _is_layer_index(node.left, found, place)
    return _is_given_in_init(node, found, place) or (
        isinstance(node, ast.Name) and is_layer_index(node, place.code.tree)
    )


def bound_to(text: str) -> Condition:
    """A local name that is bound once, to what a pattern shows."""
    pattern = Pattern(text)

    def holds(node: ast.expr, found: Match, place: Place) -> bool:
        if not isinstance(node, ast.Name) or node.id in place.code.parameters:
            return False
        bound = [item for item in bindings(place.code.tree) if item.name == node.id]
        value = bound[0].value if len(bound) == 1 else None
        return value is not None and match(pattern, value, place.code.aliases) is not None

    return Condition(f"is bound once, to `{text}`", holds)


def _read_nowhere_else(node: ast.expr, found: Match, place: Place) -> bool:
    inside = {id(item) for part in found.nodes for item in ast.walk(part)}
    return isinstance(node, ast.Name) and all(
        id(item) in inside or not isinstance(item.ctx, ast.Load)
        for item in place.code.nodes(ast.Name)
        if item.id == node.id
    )


READ_NOWHERE_ELSE = Condition("is a name that is read nowhere else", _read_nowhere_else)
GIVEN_IN_INIT = Condition("is an attribute that `__init__` sets to one of its arguments", _is_given_in_init)
LAYER_INDEX = Condition(
    "is an attribute that `__init__` sets to one of its arguments, or a parameter that numbers layers", _is_layer_index
)
NAME = Condition("is a name", lambda node, found, place: isinstance(node, ast.Name))
TEXT = Condition(
    "is a string", lambda node, found, place: isinstance(node, ast.Constant) and isinstance(node.value, str)
)


def are_met(where: Mapping[str, Condition], found: Match, place: Place) -> bool:
    """Whether what the placeholders of a match stand for is all that is asked."""
    return all(condition.holds(found[name], found, place) for name, condition in where.items() if name in found.bound)
