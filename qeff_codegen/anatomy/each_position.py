"""Whether a rotation's forward computes the row of each position from that position alone.

The rows of all positions are made at once, by upstream's own forward, and gathered afterwards. That is the same only
where no row depends on another one, on how many there are, or on the example's numbers. What is understood is listed:
where the axis of tokens is, and what leaves it there; any other statement or expression is what a refusal shows.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from enum import StrEnum

from qeff_codegen.codemod.tree import find, spelled, walk
from qeff_codegen.patterns.match import match
from qeff_codegen.patterns.pattern import Pattern

EXAMPLE, POSITIONS = "x", "position_ids"


class Layout(StrEnum):
    """Where the axis of tokens is."""

    NOWHERE = "nothing of a position"
    ROWS = "[batch, tokens]"
    COLUMNS = "[batch, anything, tokens]"
    SPREAD = "[batch, tokens, anything]"
    # The same positions several times, one for each kind of them that an image would tell apart.
    KINDS = "[kinds, batch, tokens]"
    COLUMNS_KINDS = "[kinds, batch, anything, tokens]"
    SPREAD_KINDS = "[kinds, batch, tokens, anything]"


# What asks a tensor for none of its numbers; and the one size that has nothing to do with tokens.
ASKED = {EXAMPLE: {"device", "dtype"}, POSITIONS: {"device", "dtype"}}
BATCH = {Layout.ROWS: f"{POSITIONS}.shape[0]", Layout.KINDS: f"{POSITIONS}.shape[1]"}
# Methods that compute each number by itself.
BY_ELEMENT = {"float", "to", "cos", "sin", "contiguous", "clone", "type_as"}
FUNCTIONS_BY_ELEMENT = {"torch.cos", "torch.sin", "torch.ones_like", "torch.polar"}
# Functions that put together, or repeat, what stands on the last axis. Only what is spread at the end is returned.
ON_LAST_AXIS = {"torch.cat", "torch.stack", "torch.repeat_interleave"}
SPREADS = {"..., None", ":, :, None", "(..., None)", "(:, :, None)"}
STANDS_UP = {":, None, :", ":, None", "(:, None, :)", "(:, None)"}
STANDS_UP_KINDS = {":, :, None, :", ":, :, None", "(:, :, None, :)", "(:, :, None)"}
SWAPS = {"1, 2", "2, 1", "-1, -2", "-2, -1"}
SWAPS_KINDS = {"2, 3", "3, 2", "-1, -2", "-2, -1"}
# Positions that come for each token once are taken for every kind of them.
FOR_EVERY_KIND = Pattern("position_ids.expand($kinds, -1, -1)")
TAKEN_FOR_EVERY_KIND = Pattern("""
if position_ids.ndim == 2:
    position_ids = position_ids[None, ...].expand($kinds, position_ids.shape[0], -1)
""")
# A loop over numbers that are written out, and features of one kind written over those of another.
NUMBERED = Pattern("enumerate($numbers, start=$first)")
FEATURES_OF_ONE = Pattern("$freqs[$kind, ..., $features]")
FEATURES = Pattern("$freqs[..., $features]")
# Features cut in sections, each taken of the kind whose turn it is.
IN_TURN = "for $number, $section in enumerate($freqs.split($sizes, dim=-1))"
SECTIONS_IN_TURN = (Pattern(f"[$section[$kind] {IN_TURN}]"), Pattern(f"($section[$kind] {IN_TURN})"))
REPEATED = Pattern("$features.repeat_interleave($times, dim=-1)")
# Features of two or more, one after the other.
ALTERNATING = Pattern("torch.stack($features, dim=-1).flatten(-2)")
ADDS_UP = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)


class _NotUnderstood(Exception):
    def __init__(self, node: ast.AST) -> None:
        super().__init__()
        self.node = node


def depends_on_more(
    forward: ast.FunctionDef, allowed: Collection[ast.AST] = (), methods: Mapping[str, ast.FunctionDef] | None = None
) -> ast.AST | None:
    """The first thing in a rotation's forward that may look at more than one position; None if nothing does.

    Args:
        allowed: statements that are known otherwise; what they bind holds nothing of a position.
        methods: those of the rotation's class, which the forward may call with one tensor.
    """
    follower = _Follower(set(allowed), dict(methods or {}))
    try:
        follower.block(forward.body)
    except _NotUnderstood as found:
        return found.node
    return None


def number_of_kinds(forward: ast.FunctionDef) -> str | None:
    """How many kinds of position a rotation takes, as its forward spells that; None where it takes one."""
    spread = [found for node in find(ast.Call, forward) if (found := match(FOR_EVERY_KIND, node)) is not None]
    spread += [found for node in find(ast.If, forward) if (found := match(TAKEN_FOR_EVERY_KIND, node)) is not None]
    return spread[0].spelled("kinds") if len(spread) == 1 else None


class _Follower:
    """Follows positions through statements, from the first to the last."""

    def __init__(self, allowed: set[ast.AST], methods: dict[str, ast.FunctionDef]) -> None:
        self.allowed = allowed
        self.methods = methods
        self.layouts: dict[str, Layout] = {POSITIONS: Layout.ROWS}
        # Names of numbers that a loop counts, and of slices.
        self.numbers: set[str] = set()
        self.slices: set[str] = set()

    def block(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            if statement not in self.allowed:
                self._statement(statement)

    def _statement(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]):
                self.layouts[name] = self.layout(statement.value)
                self.numbers.discard(name)
                self.slices.discard(name)
                if isinstance(statement.value, ast.Call) and spelled(statement.value.func) == "slice":
                    self.slices.add(name)
            case ast.Assign(targets=[ast.Subscript() as place]):
                self._features_written(place, statement)
            case ast.For(orelse=[]):
                self._loop(statement)
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
            case ast.If() if self._is_for_every_kind(statement):
                self.layouts[POSITIONS] = Layout.KINDS
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

    def _is_for_every_kind(self, statement: ast.If) -> bool:
        kinds = match(TAKEN_FOR_EVERY_KIND, statement)
        return kinds is not None and self.layouts[POSITIONS] is Layout.ROWS and _is_written(kinds["kinds"])

    def _branch(self, statement: ast.If) -> None:
        self._expect_nothing(statement.test)
        before = dict(self.layouts)
        self.block(statement.body)
        taken, self.layouts = self.layouts, before
        self.block(statement.orelse)
        for name in taken.keys() | self.layouts.keys():
            if taken.get(name, Layout.NOWHERE) is not self.layouts.get(name, Layout.NOWHERE):
                raise _NotUnderstood(statement)

    def _loop(self, statement: ast.For) -> None:
        """A loop over numbers that are written out; what it binds has the same layout after every round."""
        counted = match(NUMBERED, statement.iter)
        names = [item.id for item in find(ast.Name, statement.target)]
        if counted is None or not _are_numbers(counted["numbers"], counted["first"]):
            raise _NotUnderstood(statement)
        if spelled(statement.target) not in (", ".join(names), f"({', '.join(names)})") or len(names) != 2:
            raise _NotUnderstood(statement)
        stored = {
            item.id for node in statement.body for item in find(ast.Name, node) if isinstance(item.ctx, ast.Store)
        }
        if stored & set(names):
            raise _NotUnderstood(statement)
        self.layouts.update(dict.fromkeys(names, Layout.NOWHERE))
        self.slices -= set(names)
        self.numbers |= set(names)
        before = dict(self.layouts)
        self.block(statement.body)
        if any(self.layouts[name] is not layout for name, layout in before.items()):
            raise _NotUnderstood(statement)

    def _features_written(self, place: ast.Subscript, statement: ast.Assign) -> None:
        """Some features of every token, written with as many features of the same token."""
        found, source = match(FEATURES, place), match(FEATURES_OF_ONE, statement.value)
        if found is None or source is None or found.spelled("features") != source.spelled("features"):
            raise _NotUnderstood(statement)
        is_name = isinstance(found["freqs"], ast.Name)
        if (
            not is_name
            or self.layout(found["freqs"]) is not Layout.SPREAD
            or self.layout(statement.value) is not Layout.SPREAD
        ):
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
                return right if right in (Layout.COLUMNS, Layout.COLUMNS_KINDS) else self._unknown(node)
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
            case ast.ListComp() | ast.GeneratorExp():
                return self._of_sections(node)
            case ast.List(elts=items):
                return self._alike(node, items)
        return self._unknown(node)

    def _mentions(self, node: ast.expr) -> bool:
        """Whether an expression looks at positions or the example, beyond what may be asked of them."""
        asked = {
            id(item.value)
            for item in find(ast.Attribute, node)
            if isinstance(item.value, ast.Name) and item.attr in ASKED.get(item.value.id, ())
        }
        batch = BATCH.get(self.layouts[POSITIONS])
        sizes = {id(inner) for item in find(ast.Subscript, node) if spelled(item) == batch for inner in walk(item)}
        return any(
            id(name) not in asked | sizes
            and (name.id == EXAMPLE or self.layouts.get(name.id, Layout.NOWHERE) is not Layout.NOWHERE)
            for name in find(ast.Name, node)
        )

    def _of_sides(self, node: ast.AST, left: Layout, right: Layout) -> Layout:
        layouts = {left, right} - {Layout.NOWHERE}
        by_rows = {Layout.ROWS, Layout.KINDS}
        return layouts.pop() if len(layouts) == 1 and not layouts & by_rows else self._unknown(node)

    def _alike(self, node: ast.AST, items: list[ast.expr]) -> Layout:
        layouts = {self.layout(item) for item in items}
        return layouts.pop() if len(layouts) == 1 else self._unknown(node)

    def _of_index(self, node: ast.Subscript) -> Layout:
        layout, index = self.layout(node.value), spelled(node.slice)
        self._expect_nothing(node.slice)
        if layout is Layout.ROWS and index in SPREADS:
            return Layout.SPREAD
        if layout is Layout.KINDS and index in ("..., None", "(..., None)"):
            return Layout.SPREAD_KINDS
        if layout is Layout.KINDS and index in STANDS_UP_KINDS:
            return Layout.COLUMNS_KINDS
        if layout is Layout.SPREAD_KINDS and self._is_number(node.slice):
            return Layout.SPREAD
        of_one = match(FEATURES_OF_ONE, node)
        if of_one is not None and layout is Layout.SPREAD_KINDS and self._is_number(of_one["kind"]):
            if isinstance(of_one["features"], ast.Name) and of_one["features"].id in self.slices:
                return Layout.SPREAD
        return Layout.COLUMNS if layout is Layout.ROWS and index in STANDS_UP else self._unknown(node)

    def _of_call(self, call: ast.Call) -> Layout:
        function = spelled(call.func)
        kinds = match(FOR_EVERY_KIND, call)
        if kinds is not None and self.layouts[POSITIONS] is Layout.ROWS and _is_written(kinds["kinds"]):
            return Layout.KINDS
        if function.removeprefix("self.") in self.methods and function.startswith("self."):
            return self._of_method(call, self.methods[function.removeprefix("self.")])
        if (alternating := match(ALTERNATING, call)) is not None:
            layout = self.layout(alternating["features"])
            return layout if layout is Layout.SPREAD else self._unknown(call)
        if (repeated := match(REPEATED, call)) is not None and not self._mentions(repeated["times"]):
            layout = self.layout(repeated["features"])
            return layout if layout in (Layout.SPREAD, Layout.SPREAD_KINDS) else self._unknown(call)
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
        swapped = ", ".join(map(spelled, call.args)) if method == "transpose" else ""
        if layout is Layout.COLUMNS_KINDS and swapped in SWAPS_KINDS:
            return Layout.SPREAD_KINDS
        return Layout.SPREAD if layout is Layout.COLUMNS and swapped in SWAPS else self._unknown(call)

    def _of_sections(self, node: ast.ListComp | ast.GeneratorExp) -> Layout:
        """Sections of features, each of one kind, which is chosen by the section's number."""
        found = next((item for form in SECTIONS_IN_TURN if (item := match(form, node)) is not None), None)
        if found is None or not found.are_names("number", "section"):
            return self._unknown(node)
        number = found.name("number")
        is_by_number = all(item.id in (number, "self", "len") for item in find(ast.Name, found["kind"]))
        if (
            self.layout(found["freqs"]) is not Layout.SPREAD_KINDS
            or self._mentions(found["sizes"])
            or not is_by_number
        ):
            return self._unknown(node)
        return Layout.SPREAD

    def _of_method(self, call: ast.Call, method: ast.FunctionDef) -> Layout:
        """What a method makes of one tensor, given first: its statements to the one that returns, the last."""
        names = [item.arg for item in method.args.args]
        plain = len(names) == len(call.args) + 1 >= 2 and not call.keywords and not method.decorator_list
        for other in call.args[1:]:
            self._expect_nothing(other)
        *body, last = method.body
        returns = [item for item in walk(method) if isinstance(item, ast.Return)]
        if not plain or method.args.vararg or method.args.kwarg or method.args.kwonlyargs or returns != [last]:
            return self._unknown(call)
        inner = _Follower(self.allowed, {name: item for name, item in self.methods.items() if item is not method})
        others = dict.fromkeys((POSITIONS, *names[2:]), Layout.NOWHERE)
        inner.layouts = {**others, names[1]: self.layout(call.args[0])}
        inner.block(body)
        assert isinstance(last, ast.Return)
        return self._unknown(call) if last.value is None else inner.layout(last.value)

    def _is_number(self, node: ast.AST) -> bool:
        """An integer that is written out or counted."""
        return _is_written(node) or (isinstance(node, ast.Name) and node.id in self.numbers)

    def _unknown(self, node: ast.AST) -> Layout:
        raise _NotUnderstood(node)


def _is_written(node: ast.AST) -> bool:
    """A number of axes or a place among them that is written out and not counted from the end."""
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value >= 0


def _are_numbers(numbers: ast.AST, first: ast.AST) -> bool:
    return isinstance(numbers, ast.Tuple) and all(map(_is_written, (*numbers.elts, first)))
