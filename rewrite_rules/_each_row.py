"""Whether lines compute each row of their tensors by itself, however many axes stand in front of the last one.

What a loop computes for the rows of one expert is computed at once for every choice of every token, with axes for
token and choice in front. That is the same only for lines that never look at an axis by its number, but for the last
one. This knows the expressions for which that is so; any other is not understood.
"""

from __future__ import annotations

import ast
import re

from qeff_codegen.anatomy.modeling_file import ModelingClass, self_attribute

# Functions and methods that compute element by element, or the last axis with a weight.
FUNCTIONS = {
    "nn.functional.linear",
    "F.linear",
    "torch.nn.functional.linear",
    "nn.functional.silu",
    "F.silu",
    "nn.functional.gelu",
    "F.gelu",
    "torch.matmul",
    "torch.sigmoid",
    "torch.where",
    "torch.zeros_like",
}
METHODS = {"to", "float", "type_as", "clamp", "matmul"}
# Methods that take columns apart: by halves or sizes, along the last axis.
SPLITS = {"chunk", "split"}
ACTIVATIONS = ("ACT2FN[", "nn.Identity()", "nn.SiLU()", "nn.GELU(", "F.silu", "F.gelu", "nn.functional.silu")


class EachRow:
    """What is known of one class's lines.

    Args:
        modules: attributes of the class that hold a module which itself computes each row by itself.
        indices: names that number experts, choices or tokens; who calls knows what is indexed by them, and what is
            viewed as rows.
    """

    def __init__(
        self, cls: ModelingClass, modules: frozenset[str] = frozenset(), indices: frozenset[str] = frozenset()
    ) -> None:
        self.cls = cls
        self.indices = indices
        self.activations = {
            name
            for name, made in cls.assigned.items()
            if all(ast.unparse(value).startswith(ACTIVATIONS) for value in made)
        }
        self.modules = modules

    def is_line(self, statement: ast.stmt) -> bool:
        """`<names> = <rows>` or `return <rows>`."""
        if isinstance(statement, ast.Return) and statement.value is not None:
            return self.is_row(statement.value)
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            return False
        target = statement.targets[0]
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        return all(isinstance(name, ast.Name) for name in names) and self.is_row(statement.value)

    def is_row(self, value: ast.expr) -> bool:
        """Whether an expression computes each row by itself."""
        if isinstance(value, (ast.Name, ast.Constant)):
            return True
        if isinstance(value, ast.Attribute):
            return value.attr == "dtype" or re.fullmatch(r"self(\.\w+)+", ast.unparse(value)) is not None
        if isinstance(value, ast.Tuple):
            return all(self.is_row(item) for item in value.elts)
        if isinstance(value, ast.BinOp):
            return self.is_row(value.left) and self.is_row(value.right)
        if isinstance(value, ast.UnaryOp):
            return self.is_row(value.operand)
        if isinstance(value, ast.Compare):
            return self.is_row(value.left) and all(self.is_row(item) for item in value.comparators)
        if isinstance(value, ast.Subscript):
            return self.is_row(value.value) and (_is_last_axis(value.slice) or self._is_index(value.slice))
        return isinstance(value, ast.Call) and self._is_call(value)

    def keeps_rows(self, attribute: str) -> bool:
        """Whether `self.<attribute>(...)` does: an activation, a module known to, or a method of such lines."""
        return attribute in self.activations | self.modules or self._is_method(attribute)

    def _is_call(self, call: ast.Call) -> bool:
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        if not all(self.is_row(item) for item in given):
            return False
        if ast.unparse(call.func) in FUNCTIONS:
            return True
        attribute = self_attribute(call.func)
        if attribute is not None:
            return self.keeps_rows(attribute)
        if not isinstance(call.func, ast.Attribute) or not self.is_row(call.func.value):
            return False
        if call.func.attr == "view" and self.indices:
            return ast.unparse(call.func.value).startswith("self.") or _is_view_as_rows(call)
        if call.func.attr in SPLITS:
            return [ast.unparse(keyword) for keyword in call.keywords] == ["dim=-1"] and len(call.args) == 1
        return call.func.attr in METHODS

    def _is_method(self, name: str) -> bool:
        """Whether a method of the class consists of such lines."""
        method = self.cls.methods.get(name)
        if method is None or method.decorator_list:
            return False
        body = method.body[1:] if ast.get_docstring(method) is not None else method.body
        inside = EachRow(self.cls, self.modules)
        return all(inside.is_line(statement) for statement in body)

    def _is_index(self, index: ast.expr) -> bool:
        return any(isinstance(node, ast.Name) and node.id in self.indices for node in ast.walk(index))


def _is_last_axis(index: ast.expr) -> bool:
    """`..., a:b`: an index on the last axis that keeps it."""
    if not isinstance(index, ast.Tuple) or len(index.elts) != 2:
        return False
    first, last = index.elts
    return ast.unparse(first) == "..." and isinstance(last, ast.Slice)


def _is_view_as_rows(call: ast.Call) -> bool:
    """`<states>.view(-1, <columns>)`."""
    return (
        isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and len(call.args) == 2
        and ast.unparse(call.args[0]) == "-1"
    )
