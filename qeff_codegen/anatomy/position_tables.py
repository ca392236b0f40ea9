"""Tables of positions: subclasses of nn.Embedding whose forward looks positions up, shifted by an offset or not."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from qeff_codegen.anatomy.modeling_file import ModelingClass, self_attribute
from qeff_codegen.anatomy.vocabulary import POSITIONS
from qeff_codegen.codemod.tree import find, spelled

AXIS_ADDED = f"{POSITIONS} = {POSITIONS}.unsqueeze(0)"
# Neither changes what is looked up; others, such as `max_norm`, would.
HARMLESS = {"_freeze", "padding_idx"}
SHAPE_ARGUMENTS = 3


@dataclass(frozen=True)
class PositionTable:
    """What a table's forward does with the positions it is given.

    Attributes:
        offset: the attribute that is added to a position; empty when the position is the row.
        adds_axis: whether it takes one row of positions for the whole batch, and gives it a batch axis.
    """

    offset: str
    adds_axis: bool

    def row(self, table: str) -> str:
        """The rows of `table` that hold `position_ids`, with a batch axis if they have one."""
        shift = f" + {table}.{self.offset}" if self.offset else ""
        return f"{table}.weight[{POSITIONS}{shift}]"


def position_table(cls: ModelingClass) -> PositionTable | None:
    """What kind of table `cls` is when it is given positions, or None when it does anything else."""
    if cls.bases != ("nn.Embedding",) or cls.forward is None or not _is_plain_embedding(cls):
        return None
    if [spelled(item) for item in cls.forward.decorator_list] not in ([], ["torch.no_grad()"]):
        return None
    statements = list(_taken(cls.forward.body))
    adds_axis = bool(statements) and spelled(statements[0]) == AXIS_ADDED
    statements = statements[1:] if adds_axis else statements
    index = _index_returned(statements[0]) if len(statements) == 1 else None
    offset = None if index is None else _offset(index)
    return None if offset is None else PositionTable(offset, adds_axis)


def _offset(index: ast.expr) -> str | None:
    """The attribute that an index adds to the positions, empty for positions alone; None for any other index."""
    if isinstance(index, ast.BinOp) and isinstance(index.op, ast.Add) and spelled(index.left) == POSITIONS:
        return self_attribute(index.right)
    return "" if spelled(index) == POSITIONS else None


def _is_plain_embedding(cls: ModelingClass) -> bool:
    """Whether `__init__` makes an embedding of a size, with nothing that changes a looked-up row."""
    initializer = cls.methods.get("__init__")
    calls = [node for node in find(ast.Call, initializer) if spelled(node.func) == "super().__init__"]
    return len(calls) == 1 and all(
        len(call.args) <= SHAPE_ARGUMENTS and {keyword.arg for keyword in call.keywords} <= HARMLESS for call in calls
    )


def _taken(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements that run when positions are given."""
    found: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        if isinstance(statement, ast.If) and spelled(statement.test) == f"{POSITIONS} is None":
            found += statement.orelse
        else:
            found.append(statement)
    return found


def _index_returned(statement: ast.stmt) -> ast.expr | None:
    """The index of the rows that a statement returns: `super().forward(<index>)` or `self.weight[<index>]`."""
    value = statement.value if isinstance(statement, ast.Return) else None
    if isinstance(value, ast.Call) and spelled(value.func) == "super().forward":
        return value.args[0] if len(value.args) == 1 and not value.keywords else None
    if isinstance(value, ast.Subscript) and spelled(value.value) == "self.weight":
        return value.slice
    return None
