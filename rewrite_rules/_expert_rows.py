"""Follow the rows that a dispatcher gathers, one for each choice of each token, from gathering to adding up.

Rows may stand in any order as long as everything that happens to them happens to each by itself. This walk knows the
statements for which that is so; any other statement that touches a row is not understood.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

ACTIVATIONS = {"nn.functional.silu", "F.silu", "nn.functional.gelu", "F.gelu"}


class NotByRow(Exception):
    """A statement that may depend on the order of rows, or on more than one of them."""

    def __init__(self, statement: ast.stmt) -> None:
        super().__init__(ast.unparse(statement))
        self.statement = statement


@dataclass
class Rows:
    """What is known about the names of one function, statement by statement.

    Attributes:
        choice: the name that holds each row's place among the choices of all tokens.
        token: the name that holds each row's token.
        weights: the name that holds each row's routing weight.
        sizes: the name that tells the projections which rows belong to which expert.
        projections: attributes of `self` that are expert projections.
        activations: attributes of `self` that are activation functions.
        rows: names of tensors with one row for each choice; of tuples of such tensors, if in `pieces`.
    """

    choice: str
    token: str
    weights: str
    sizes: str
    projections: frozenset[str]
    activations: frozenset[str]
    rows: set[str] = field(default_factory=set)
    pieces: set[str] = field(default_factory=set)

    def touches(self, node: ast.AST) -> bool:
        """Whether a statement or expression reads or binds anything that is ordered by row."""
        watched = {self.choice, self.token, self.weights, self.sizes, *self.rows, *self.pieces}
        return any(isinstance(item, ast.Name) and item.id in watched for item in ast.walk(node))

    def follow(self, statement: ast.stmt) -> None:
        """Take note of a statement that computes rows from rows.

        Raises:
            NotByRow: it is none of those that treat each row by itself.
        """
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            raise NotByRow(statement)
        target, value = statement.targets[0], statement.value
        if (splits := self._splits(value)) and isinstance(target, ast.Name):
            self.pieces.add(target.id)
        elif splits and isinstance(target, ast.Tuple):
            self.rows.update(ast.unparse(item) for item in target.elts)
        elif isinstance(target, ast.Name) and self.is_row(value):
            self.rows.add(target.id)
        else:
            raise NotByRow(statement)

    def _splits(self, value: ast.expr) -> bool:
        """`<rows>.chunk(2, dim=-1)` or `torch.chunk(<rows>, 2, dim=-1)`: columns are taken apart, not rows."""
        text = ast.unparse(value)
        found = re.fullmatch(r"(\w+)\.chunk\(2, dim=-1\)", text) or re.fullmatch(
            r"torch\.chunk\((\w+), 2, dim=-1\)", text
        )
        return found is not None and found[1] in self.rows

    def is_row(self, value: ast.expr) -> bool:
        """Whether an expression is a tensor of rows, each computed from the same row of others."""
        if isinstance(value, ast.Name):
            return value.id in self.rows
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
            return self.is_row(value.left) and (self.is_row(value.right) or self._is_weight(value.right))
        if isinstance(value, ast.Subscript):
            if ast.unparse(value.slice) in (self.choice, self.token):
                return isinstance(value.value, ast.Name) and not self.touches(value.value)
            return ast.unparse(value.value) in self.pieces and ast.unparse(value.slice) in ("0", "1")
        return isinstance(value, ast.Call) and not value.keywords and self._is_row_call(value)

    def _is_weight(self, value: ast.expr) -> bool:
        return ast.unparse(value) == f"{self.weights}[:, None]"

    def _is_row_call(self, call: ast.Call) -> bool:
        function, arguments = ast.unparse(call.func), call.args
        if function.removeprefix("self.") in self.projections:
            return len(arguments) == 2 and self.is_row(arguments[0]) and ast.unparse(arguments[1]) == self.sizes
        if function.removeprefix("self.") in self.activations or function in ACTIVATIONS:
            return len(arguments) == 1 and self.is_row(arguments[0])
        return False
