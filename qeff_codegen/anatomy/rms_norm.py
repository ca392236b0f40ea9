"""Recognise RMS norms by their arithmetic, not by their name.

A forward is reduced to one expression by substituting its local names, then compared with the two forms the
hardware's custom operator computes: `w * x / rms(x)` and `(1 + w) * x / rms(x)`. Anything else, down to a
swapped operator or another constant, is not recognised and stays upstream's own module.

The operator takes the place of the whole class and reads the module's attributes itself. So a class that is recognised
is listed in full: what it inherits, its methods, what its weight is, and epsilon, which must be the very attribute
that the operator will read.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import TypeVar

from qeff_codegen.anatomy.modeling_file import ModelingClass, parameters, self_attribute
from qeff_codegen.codemod.tree import find, speaks_of, spelled

_Node = TypeVar("_Node", bound=ast.AST)


class NormKind(StrEnum):
    """The two RMS norms that have a custom operator."""

    PLAIN = "weight * x / rms(x)"
    ONE_PLUS = "(1 + weight) * x / rms(x)"


def recognise_rms_norm(cls: ModelingClass, set_from_outside: Collection[str] = ()) -> NormKind | None:
    """Which RMS norm `cls` computes, or None when its arithmetic is another one.

    Args:
        set_from_outside: attributes that the file sets on other objects than `self`.
    """
    forward = cls.forward
    if forward is None or len(parameters(forward)) != 1 or not _holds_no_more(cls, forward):
        return None
    reduced = _reduce(cls, forward)
    known = None if reduced is None else _FORMS.get(_canonical(reduced))
    if known is None:
        return None
    kind, epsilon = known
    is_known = _is_parameter(cls) and _is_epsilon(epsilon, cls, set_from_outside)
    return kind if is_known else None


def weight_is_read(cls: ModelingClass, others: Collection[ModelingClass]) -> bool:
    """Whether another class reads the `weight` of a `cls` that it holds, which an operator may have changed.

    Initialising weights, which comes before, is no such reading.
    """
    for other in others:
        held = {attribute for attribute, built in other.built.items() if cls.name in built}
        for method in other.methods.values():
            read = [node.value for node in find(ast.Attribute, method) if node.attr == "weight"]
            if method.name != "_init_weights" and any(_last_name(node) in held for node in read):
                return True
    return False


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else ""


# What may stand in a recognised class beside what forward calls: nothing else of it reaches the operator.
_BASES = (("nn.Module",), ("torch.nn.Module",))
_METHODS = {"__init__", "forward", "extra_repr", "__repr__"}
_DECORATORS = {"use_kernel_forward_from_hub"}
_PARAMETERS = ("nn.Parameter", "torch.nn.Parameter")


def _holds_no_more(cls: ModelingClass, forward: ast.FunctionDef) -> bool:
    called = {self_attribute(node.func) for node in find(ast.Call, forward)}
    worn = {spelled(item.func if isinstance(item, ast.Call) else item) for item in cls.node.decorator_list}
    return (
        cls.bases in _BASES
        and not cls.node.keywords
        and worn <= _DECORATORS
        and all(method in _METHODS or method in called for method in cls.methods)
        and not any(method.decorator_list for method in cls.methods.values())
        and all(isinstance(item, ast.FunctionDef) or _says_nothing(item) for item in cls.node.body)
    )


def _says_nothing(item: ast.stmt) -> bool:
    """A docstring, or an annotation that binds nothing."""
    is_text = isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant)
    return is_text or (isinstance(item, ast.AnnAssign) and item.value is None)


def _is_parameter(cls: ModelingClass) -> bool:
    """Whether `self.weight` is made as a parameter, and is nothing else."""
    made = cls.assigned.get("weight", ())
    stored = [node for node in find(ast.Attribute, cls.node) if node.attr == "weight" and _is_bound(node)]
    return 0 < len(made) == len(stored) and all(
        isinstance(value, ast.Call) and spelled(value.func) in _PARAMETERS and len(value.args) == 1 for value in made
    )


def _is_bound(node: ast.Attribute) -> bool:
    return isinstance(node.ctx, (ast.Store, ast.Del))


def _is_epsilon(attribute: str, cls: ModelingClass, set_from_outside: Collection[str]) -> bool:
    """Whether an attribute is a number, and the first of those that the operator looks for."""
    before = _EPSILONS[: _EPSILONS.index(attribute)]
    made = cls.assigned.get(attribute, ())
    return (
        bool(made)
        and not any(find(ast.Call, value) for value in made)
        and not any(name in set_from_outside or speaks_of(name, cls.node) for name in before)
    )


# Written with x for the input; casts to float32 and back are left out: they do not change the arithmetic in float32,
# and the custom operator keeps float32 inside.
_RSQRT = "x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.{epsilon})"
_SOURCES = {
    NormKind.PLAIN: (f"self.weight * ({_RSQRT})",),
    NormKind.ONE_PLUS: (f"({_RSQRT}) * (1.0 + self.weight)", f"({_RSQRT}) * (1 + self.weight)"),
}
# The attributes in which CustomRMSNormAIC looks for epsilon, the first of them that a module has.
_EPSILONS = ("variance_epsilon", "eps")
# The input in a reduced expression, by a name that no file can spell.
_INPUT = "<input>"
_FLOAT32 = {"torch.float32", "torch.float"}
_SAME_TYPE = {f"{_INPUT}.dtype", "self.weight.dtype"}


def _reduce(cls: ModelingClass, forward: ast.FunctionDef) -> ast.expr | None:
    """The returned expression with local names and one-expression helper methods substituted."""
    values: dict[str, ast.expr] = {parameters(forward)[0]: ast.Name(_INPUT, ast.Load())}
    for statement in _statements(forward):
        if isinstance(statement, ast.Return) and statement.value is not None:
            return _Substitute(values, cls.methods).visit(_copy(statement.value))
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            return None
        target = statement.targets[0]
        if not isinstance(target, ast.Name):
            return None
        values[target.id] = _Substitute(values, cls.methods).visit(_copy(statement.value))
    return None


def _statements(function: ast.FunctionDef) -> Iterator[ast.stmt]:
    for statement in function.body:
        if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            yield statement


def _copy(node: _Node) -> _Node:
    """A node of its own, with nodes of its own below: the transformer changes what it is given."""
    fields = {
        name: [_copy(item) for item in value] if isinstance(value, list) else value
        for name, value in ast.iter_fields(node)
    }
    return type(node)(**{name: _copy(item) if isinstance(item, ast.AST) else item for name, item in fields.items()})


class _Substitute(ast.NodeTransformer):
    """Replace local names by their values, casts by their operand, and `self._norm(...)` by its return value."""

    def __init__(self, values: Mapping[str, ast.expr], methods: Mapping[str, ast.FunctionDef]) -> None:
        self.values = values
        self.methods = methods

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self.values.get(node.id)
        return node if value is None else _copy(value)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Attribute) and self._is_cast(node.func.attr, node):
            return self.visit(node.func.value)
        helper = self.methods.get(self_attribute(node.func) or "")
        if helper is not None and len(node.args) == 1 and not node.keywords and len(parameters(helper)) == 1:
            inner = list(_statements(helper))
            if len(inner) == 1 and isinstance(inner[0], ast.Return) and inner[0].value is not None:
                argument = self.visit(node.args[0])
                scope: dict[str, ast.expr] = {parameters(helper)[0]: argument}
                return _Substitute(scope, self.methods).visit(_copy(inner[0].value))
        return self.generic_visit(node)

    def _is_cast(self, method: str, node: ast.Call) -> bool:
        """`x.float()`, or `x.to(...)`, `x.type_as(...)` and the like to float32 or to the type of the input."""
        if method == "float":
            return not node.args and not node.keywords
        if method not in ("to", "type", "type_as") or len(node.args) != 1 or node.keywords:
            return False
        given = spelled(self.visit(_copy(node.args[0])))
        return given == _INPUT if method == "type_as" else given in _FLOAT32 | _SAME_TYPE


def _canonical(expression: ast.expr) -> str:
    """Text of an expression with the operands of `+` and `*` in a fixed order."""
    if isinstance(expression, ast.BinOp) and isinstance(expression.op, (ast.Add, ast.Mult)):
        sides = sorted((_canonical(expression.left), _canonical(expression.right)))
        return f"({sides[0]} {'+' if isinstance(expression.op, ast.Add) else '*'} {sides[1]})"
    if isinstance(expression, ast.Call):
        function = expression.func
        head = (
            f"{_canonical(function.value)}.{function.attr}"
            if isinstance(function, ast.Attribute)
            else ast.unparse(function)
        )
        arguments = [_canonical(argument) for argument in expression.args]
        arguments += [f"{keyword.arg}={_canonical(keyword.value)}" for keyword in expression.keywords]
        return f"{head}({', '.join(arguments)})"
    return ast.unparse(expression)


_X: dict[str, ast.expr] = {"x": ast.Name(_INPUT, ast.Load())}
_FORMS = {
    _canonical(_Substitute(_X, {}).visit(ast.parse(source.format(epsilon=epsilon), mode="eval").body)): (kind, epsilon)
    for kind, sources in _SOURCES.items()
    for source in sources
    for epsilon in _EPSILONS
}
