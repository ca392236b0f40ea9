"""Whether a rotation's forward computes the row of each position from that position alone.

The rows of all positions are made at once, by upstream's own forward, and gathered afterwards. That is the same only
where no row depends on another one, on how many there are, or on the example's numbers. What is understood is listed:
where the axis of tokens is, and what leaves it there; any other statement or expression is what a refusal shows.
"""

from __future__ import annotations

import ast
from collections.abc import Collection
from enum import StrEnum

from qeff_codegen.codemod.tree import find, spelled, walk

EXAMPLE, POSITIONS = "x", "position_ids"


class Layout(StrEnum):
    """Where the axis of tokens is."""

    NOWHERE = "nothing of a position"
    ROWS = "[batch, tokens]"
    COLUMNS = "[batch, anything, tokens]"
    SPREAD = "[batch, tokens, anything]"


# What asks a tensor for none of its numbers; and the one size that has nothing to do with tokens.
ASKED = {EXAMPLE: {"device", "dtype"}, POSITIONS: {"device", "dtype"}}
BATCH = f"{POSITIONS}.shape[0]"
# Methods that compute each number by itself.
BY_ELEMENT = {"float", "to", "cos", "sin", "contiguous", "clone", "type_as"}
FUNCTIONS_BY_ELEMENT = {"torch.cos", "torch.sin", "torch.ones_like", "torch.polar"}
# Functions that put together, or repeat, what stands on the last axis. Only what is spread at the end is returned.
ON_LAST_AXIS = {"torch.cat", "torch.stack", "torch.repeat_interleave"}
SPREADS = {"..., None", ":, :, None", "(..., None)", "(:, :, None)"}
STANDS_UP = {":, None, :", ":, None", "(:, None, :)", "(:, None)"}
SWAPS = {"1, 2", "2, 1", "-1, -2", "-2, -1"}
ADDS_UP = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)


class _NotUnderstood(Exception):
    def __init__(self, node: ast.AST) -> None:
        super().__init__()
        self.node = node


def depends_on_more(forward: ast.FunctionDef, allowed: Collection[ast.AST] = ()) -> ast.AST | None:
    """The first thing in a rotation's forward that may look at more than one position; None if nothing does.

    Args:
        allowed: statements that are known otherwise; what they bind holds nothing of a position.
    """
    follower = _Follower(set(allowed))
    try:
        follower.block(forward.body)
    except _NotUnderstood as found:
        return found.node
    return None


class _Follower:
    """Follows positions through statements, from the first to the last."""

    def __init__(self, allowed: set[ast.AST]) -> None:
        self.allowed = allowed
        self.layouts: dict[str, Layout] = {POSITIONS: Layout.ROWS}

    def block(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            if statement not in self.allowed:
                self._statement(statement)

    def _statement(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]):
                self.layouts[name] = self.layout(statement.value)
            case ast.AugAssign(target=ast.Name(id=name)):
                before = ast.Name(name, ast.Load())
                self.layouts[name] = self._of_sides(statement, self.layout(before), self.layout(statement.value))
            case ast.Assign(targets=[ast.Tuple(elts=targets)]) if all(isinstance(item, ast.Name) for item in targets):
                layout = self.layout(statement.value)
                self.layouts.update({spelled(item): layout for item in targets})
            case ast.With(items=items) if all(item.optional_vars is None for item in items):
                for item in items:
                    self._expect_nothing(item.context_expr)
                self.block(statement.body)
            case ast.If():
                self._branch(statement)
            case ast.Return(value=ast.expr() as value):
                if self.layout(value) is not Layout.SPREAD:
                    raise _NotUnderstood(value)
            case ast.Raise():
                pass
            case ast.Expr(value=ast.Constant()):
                pass
            case _:
                raise _NotUnderstood(statement)

    def _branch(self, statement: ast.If) -> None:
        self._expect_nothing(statement.test)
        before = dict(self.layouts)
        self.block(statement.body)
        taken, self.layouts = self.layouts, before
        self.block(statement.orelse)
        for name in taken.keys() | self.layouts.keys():
            if taken.get(name, Layout.NOWHERE) is not self.layouts.get(name, Layout.NOWHERE):
                raise _NotUnderstood(statement)

    def _expect_nothing(self, node: ast.expr) -> None:
        if self.layout(node) is not Layout.NOWHERE:
            raise _NotUnderstood(node)

    def layout(self, node: ast.expr) -> Layout:
        """Where an expression has the axis of tokens.

        Raises:
            _NotUnderstood: it may look at more than one position.
        """
        if not self._mentions(node):
            return Layout.NOWHERE
        match node:
            case ast.Name():
                return self.layouts.get(node.id, Layout.NOWHERE) if node.id != EXAMPLE else self._unknown(node)
            case ast.Tuple(elts=items):
                return self._alike(node, items)
            case ast.BinOp(op=ast.MatMult()) if self.layout(node.left) is Layout.NOWHERE:
                right = self.layout(node.right)
                return right if right is Layout.COLUMNS else self._unknown(node)
            case ast.BinOp(op=op) if isinstance(op, ADDS_UP):
                return self._of_sides(node, self.layout(node.left), self.layout(node.right))
            case ast.UnaryOp(op=ast.USub()):
                return self.layout(node.operand)
            case ast.IfExp():
                self._expect_nothing(node.test)
                return self._alike(node, [node.body, node.orelse])
            case ast.Subscript():
                return self._of_index(node)
            case ast.Call():
                return self._of_call(node)
        return self._unknown(node)

    def _mentions(self, node: ast.expr) -> bool:
        """Whether an expression looks at positions or the example, beyond what may be asked of them."""
        asked = {
            id(item.value)
            for item in find(ast.Attribute, node)
            if isinstance(item.value, ast.Name) and item.attr in ASKED.get(item.value.id, ())
        }
        sizes = {id(inner) for item in find(ast.Subscript, node) if spelled(item) == BATCH for inner in walk(item)}
        return any(
            id(name) not in asked | sizes
            and (name.id == EXAMPLE or self.layouts.get(name.id, Layout.NOWHERE) is not Layout.NOWHERE)
            for name in find(ast.Name, node)
        )

    def _of_sides(self, node: ast.AST, left: Layout, right: Layout) -> Layout:
        layouts = {left, right} - {Layout.NOWHERE}
        return layouts.pop() if len(layouts) == 1 and Layout.ROWS not in layouts else self._unknown(node)

    def _alike(self, node: ast.AST, items: list[ast.expr]) -> Layout:
        layouts = {self.layout(item) for item in items}
        return layouts.pop() if len(layouts) == 1 else self._unknown(node)

    def _of_index(self, node: ast.Subscript) -> Layout:
        layout, index = self.layout(node.value), spelled(node.slice)
        self._expect_nothing(node.slice)
        if layout is Layout.ROWS and index in SPREADS:
            return Layout.SPREAD
        return Layout.COLUMNS if layout is Layout.ROWS and index in STANDS_UP else self._unknown(node)

    def _of_call(self, call: ast.Call) -> Layout:
        function = spelled(call.func)
        given = [*call.args, *(item.value for item in call.keywords)]
        if function in FUNCTIONS_BY_ELEMENT and not call.keywords:
            return self._alike(call, call.args)
        if function in ON_LAST_AXIS and call.args and not any(map(self._mentions, given[1:])):
            on_last = [spelled(item.value) for item in call.keywords if item.arg == "dim"] == ["-1"]
            return self.layout(call.args[0]) if on_last else self._unknown(call)
        if not isinstance(call.func, ast.Attribute) or not self._mentions(call.func.value):
            return self._unknown(call)
        layout, method = self.layout(call.func.value), call.func.attr
        if method in BY_ELEMENT and (method == "type_as" or not any(map(self._mentions, given))):
            return layout
        swaps = method == "transpose" and ", ".join(map(spelled, call.args)) in SWAPS
        return Layout.SPREAD if layout is Layout.COLUMNS and swaps else self._unknown(call)

    def _unknown(self, node: ast.AST) -> Layout:
        raise _NotUnderstood(node)
