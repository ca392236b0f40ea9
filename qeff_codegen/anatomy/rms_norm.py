"""Recognise RMS norms by their arithmetic, not by their name.

A forward is reduced to one expression by substituting its local names, then compared with the two forms the
hardware's custom operator computes: `w * x / rms(x)` and `(1 + w) * x / rms(x)`. Anything else, down to a
swapped operator or another constant, is not recognised and stays upstream's own module.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from enum import StrEnum
from typing import TypeVar

from qeff_codegen.anatomy.modeling_file import ModelingClass, parameters, self_attribute

_Node = TypeVar("_Node", bound=ast.AST)


class NormKind(StrEnum):
    """The two RMS norms that have a custom operator."""

    PLAIN = "weight * x / rms(x)"
    ONE_PLUS = "(1 + weight) * x / rms(x)"


def recognise_rms_norm(cls: ModelingClass) -> NormKind | None:
    """Which RMS norm `cls` computes, or None when its arithmetic is another one."""
    forward = cls.forward
    if forward is None or len(parameters(forward)) != 1 or "weight" not in cls.assigned:
        return None
    if any(method.decorator_list for method in cls.methods.values()):
        return None
    reduced = _reduce(cls, forward)
    if reduced is None:
        return None
    text = _canonical(reduced)
    for kind, forms in _FORMS.items():
        if text in forms:
            return kind
    return None


# Written with x for the input, cast_* markers removed: casts to float32 and back do not change the arithmetic in
# float32, and the custom operator keeps float32 inside. eps stands for `variance_epsilon` or `eps`, the two
# attributes CustomRMSNormAIC reads.
_RSQRT = "x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)"
_SOURCES = {
    NormKind.PLAIN: (f"self.weight * ({_RSQRT})",),
    NormKind.ONE_PLUS: (f"({_RSQRT}) * (1.0 + self.weight)", f"({_RSQRT}) * (1 + self.weight)"),
}


def _reduce(cls: ModelingClass, forward: ast.FunctionDef) -> ast.expr | None:
    """The returned expression with local names and one-expression helper methods substituted."""
    values: dict[str, ast.expr] = {parameters(forward)[0]: ast.Name("x", ast.Load())}
    for statement in _statements(forward):
        if isinstance(statement, ast.Return) and statement.value is not None:
            return _Substitute(values, cls).visit(_copy(statement.value))
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            return None
        target = statement.targets[0]
        if not isinstance(target, ast.Name):
            return None
        values[target.id] = _Substitute(values, cls).visit(_copy(statement.value))
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

    def __init__(self, values: dict[str, ast.expr], cls: ModelingClass) -> None:
        self.values = values
        self.cls = cls

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self.values.get(node.id)
        return node if value is None else _copy(value)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if self_attribute(node) in ("eps", "variance_epsilon"):
            return ast.Name("eps", ast.Load())
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("to", "type_as", "float", "type"):
            return self.visit(node.func.value) if _is_cast(node) else self.generic_visit(node)
        helper = self.cls.methods.get(self_attribute(node.func) or "")
        if helper is not None and len(node.args) == 1 and not node.keywords and len(parameters(helper)) == 1:
            inner = list(_statements(helper))
            if len(inner) == 1 and isinstance(inner[0], ast.Return) and inner[0].value is not None:
                argument = self.visit(node.args[0])
                scope: dict[str, ast.expr] = {parameters(helper)[0]: argument}
                return _Substitute(scope, self.cls).visit(_copy(inner[0].value))
        return self.generic_visit(node)


def _is_cast(node: ast.Call) -> bool:
    """`x.float()`, `x.to(torch.float32)`, `x.to(input_dtype)`, `x.type_as(y)`: a dtype and nothing else."""
    assert isinstance(node.func, ast.Attribute)
    if node.func.attr == "float":
        return not node.args and not node.keywords
    if len(node.args) != 1 or node.keywords:
        return False
    argument = ast.unparse(node.args[0])
    return node.func.attr == "type_as" or "dtype" in argument or argument == "torch.float32"


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


_FORMS = {
    kind: frozenset(_canonical(ast.parse(source, mode="eval").body) for source in sources)
    for kind, sources in _SOURCES.items()
}
