"""Matching: whether a piece of a syntax tree is what a pattern shows, and what its placeholders then stand for."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from qeff_codegen.codemod.code import USUAL_ALIASES, Code
from qeff_codegen.codemod.tree import walk
from qeff_codegen.patterns.pattern import ANYTHING, Pattern, choices_of, name_of, rest_of, shown

Bound = ast.AST | list[ast.AST]
_NOTHING: Mapping[str, Bound] = MappingProxyType({})
_IGNORED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


@dataclass(frozen=True)
class Match:
    """Where a pattern matches.

    Attributes:
        nodes: the expression, or the statements from the first to the last.
        bound: what each placeholder stands for; for one of further items, the list of them.
    """

    nodes: tuple[ast.AST, ...]
    bound: Mapping[str, Bound] = field(default_factory=dict)

    @property
    def node(self) -> ast.AST:
        """The expression, or the first statement."""
        return self.nodes[0]

    @property
    def statements(self) -> list[ast.stmt]:
        """The statements that match, from the first to the last."""
        return [node for node in self.nodes if isinstance(node, ast.stmt)]

    @property
    def expression(self) -> ast.expr:
        """The expression that matched."""
        assert isinstance(self.node, ast.expr)
        return self.node

    def __getitem__(self, name: str) -> ast.expr:
        found = self.bound[name]
        assert isinstance(found, ast.expr)
        return found

    def spelled(self, name: str) -> str:
        """What a placeholder stands for, on one line: a local's name, say."""
        return ast.unparse(self[name])

    def name(self, name: str) -> str:
        """The name that a placeholder stands for; empty if it stands for another expression."""
        found = self.bound[name]
        return found.id if isinstance(found, ast.Name) else ""

    def are_names(self, *names: str) -> bool:
        """Whether each of some placeholders, if it is bound, stands for a name."""
        return all(isinstance(self.bound[name], ast.Name) for name in names if name in self.bound)

    def rest(self, name: str) -> list[ast.stmt]:
        """The statements that a placeholder of further ones stands for."""
        found = self.bound[name]
        return [node for node in found if isinstance(node, ast.stmt)] if isinstance(found, list) else []


def find_all(pattern: Pattern, code: Code, known: Mapping[str, Bound] = _NOTHING) -> list[Match]:
    """Every place of a function where the pattern matches, as they stand in the text.

    Args:
        known: what placeholders stand for already, by an earlier match.
    """
    if not pattern.identifiers <= code.identifiers:
        return []
    if pattern.expression is None:
        return [found for block in code.blocks() for found in _in_block(pattern, block, code.aliases, known)]
    matches = []
    for node in _candidates(pattern.expression, code):
        if isinstance(getattr(node, "ctx", None), ast.Store):
            continue
        bound = _Matcher(pattern, code.aliases).expression(pattern.expression, node, dict(known))
        if bound is not None:
            matches.append(Match((node,), bound))
    return matches


def find_in(pattern: Pattern, tree: ast.AST, aliases: Mapping[str, str] = USUAL_ALIASES) -> Iterator[Match]:
    """Every expression below `tree` that matches."""
    assert pattern.expression is not None, "only expressions are looked for in a tree"
    for node in walk(tree):
        if isinstance(node, ast.expr) and (found := match(pattern, node, aliases)) is not None:
            yield found


def match(
    pattern: Pattern,
    node: ast.AST | Sequence[ast.stmt],
    aliases: Mapping[str, str] = USUAL_ALIASES,
    known: Mapping[str, Bound] = _NOTHING,
) -> Match | None:
    """What the placeholders stand for if an expression, a statement, or a whole block is what the pattern shows.

    Args:
        known: what placeholders stand for already, by an earlier match.
    """
    matcher = _Matcher(pattern, aliases)
    if pattern.expression is not None:
        value = node.value if isinstance(node, ast.Expr) else node
        bound = matcher.expression(pattern.expression, value, dict(known)) if isinstance(value, ast.AST) else None
        return None if bound is None else Match((value,), bound) if isinstance(value, ast.AST) else None
    block = [node] if isinstance(node, ast.stmt) else node
    if not isinstance(block, Sequence):
        return None
    bound = matcher.block(pattern.statements, list(block), dict(known))
    return None if bound is None else Match(tuple(block), bound)


def first_unlike(
    pattern: Pattern,
    block: Sequence[ast.stmt],
    aliases: Mapping[str, str] = USUAL_ALIASES,
    known: Mapping[str, Bound] = _NOTHING,
) -> tuple[ast.stmt, str]:
    """Of a block that a pattern of statements does not match, the first statement that is not as it shows.

    Returns:
        The statement, the last one where the block ends too early; and what the pattern shows in its place.
    """
    matcher, statements, alike = _Matcher(pattern, aliases), pattern.statements, 0
    for count in range(1, len(statements) + 1):
        found = matcher.prefix(statements[:count], list(block), dict(known))
        if found is None:
            return block[min(alike, len(block) - 1)], shown(statements[count - 1])
        alike = found[1]
    return block[min(alike, len(block) - 1)], "nothing more"


def equal(first: ast.AST, second: ast.AST, aliases: Mapping[str, str] = USUAL_ALIASES) -> bool:
    """Whether two trees are the same, by what patterns hold equal."""
    return _Matcher(None, aliases).expression(first, second, {}) is not None


def _candidates(expression: ast.expr, code: Code) -> Iterator[ast.AST]:
    if isinstance(expression, ast.Set):
        # A node of a kind that two spellings have comes once.
        found = {id(node): node for item in expression.elts for node in _candidates(item, code)}
        yield from sorted(found.values(), key=lambda node: code.places.span(node)[0])  # type: ignore[arg-type]
    elif name_of(expression) is not None:
        kinds = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.BinOp, ast.IfExp, ast.Compare, ast.BoolOp)
        for kind in (*kinds, ast.UnaryOp, ast.Constant, ast.Tuple):
            yield from code.nodes(kind)
    else:
        yield from code.nodes(type(expression))


def _in_block(
    pattern: Pattern, block: list[ast.stmt], aliases: Mapping[str, str], known: Mapping[str, Bound]
) -> Iterator[Match]:
    """Matches of statements in one block; they do not overlap."""
    start = 0
    while start < len(block):
        matcher = _Matcher(pattern, aliases)
        found = matcher.prefix(pattern.statements, block[start:], dict(known))
        if found is None:
            start += 1
            continue
        bound, length = found
        yield Match(tuple(block[start : start + length]), bound)
        start += max(length, 1)


class _Matcher:
    """Matches by trees. What is bound grows with every step and is never changed, so that a step can be taken back."""

    def __init__(self, pattern: Pattern | None, aliases: Mapping[str, str]) -> None:
        self.pattern = pattern
        self.aliases = aliases

    def expression(self, wanted: ast.AST, node: ast.AST, bound: dict[str, Bound]) -> dict[str, Bound] | None:
        """Match one node."""
        name = name_of(wanted)
        if name is not None:
            return self._placeholder(name, node, bound)
        if isinstance(wanted, ast.Set) and self.pattern is not None:
            for item in wanted.elts:
                found = self.expression(item, node, bound)
                if found is not None:
                    return found
            return None
        if isinstance(wanted, ast.Attribute | ast.Name) and isinstance(node, ast.Attribute | ast.Name):
            first, second = self._dotted(wanted), self._dotted(node)
            if first is not None and second is not None:
                return bound if first == second else None
        if isinstance(wanted, ast.Assign) and isinstance(node, ast.AugAssign):
            node = _as_assignment(node)
        if type(wanted) is not type(node):
            return None
        if isinstance(wanted, ast.Call) and isinstance(node, ast.Call):
            return self._call(wanted, node, bound)
        if isinstance(wanted, ast.Subscript) and isinstance(node, ast.Subscript):
            return self._subscript(wanted, node, bound)
        return self._fields(wanted, node, bound)

    def _placeholder(self, name: str, node: ast.AST, bound: dict[str, Bound]) -> dict[str, Bound] | None:
        if not isinstance(node, ast.expr | ast.arg) or isinstance(node, ast.Starred):
            return None
        if self.pattern is not None and name in self.pattern.named:
            named = self.pattern.named[name]
            if named.expression is None:
                return None
            return _Matcher(named, self.aliases).expression(named.expression, node, bound)
        if name == ANYTHING:
            return bound
        known = bound.get(name)
        if known is None:
            return {**bound, name: node}
        return bound if isinstance(known, ast.AST) and equal(known, node, self.aliases) else None

    def _fields(self, wanted: ast.AST, node: ast.AST, bound: dict[str, Bound]) -> dict[str, Bound] | None:
        current = bound
        for name in wanted._fields:
            if name in _IGNORED:
                continue
            first, second = getattr(wanted, name, None), getattr(node, name, None)
            if isinstance(first, list) and isinstance(second, list):
                items = self.block if first and isinstance(first[0], ast.stmt) else self._items
                found = items(first, second, current)
            elif isinstance(first, ast.AST) and isinstance(second, ast.AST):
                found = self.expression(first, second, current)
            else:
                found = current if type(first) is type(second) and first == second else None
            if found is None:
                return None
            current = found
        return current

    def _items(
        self,
        wanted: list[ast.AST],
        given: list[ast.AST],
        bound: dict[str, Bound],
        rest_of: Callable[[ast.AST], str | None] = rest_of,
    ) -> dict[str, Bound] | None:
        """Match one item after another; `...` takes as many as it must."""
        if not wanted:
            return bound if not given else None
        if wanted[0] is None or not isinstance(wanted[0], ast.AST):
            return bound if wanted == given else None
        rest = rest_of(wanted[0]) if self.pattern is not None else None
        if rest is not None:
            for length in range(len(given) + 1):
                taken = self._bind_rest(rest, given[:length], bound)
                found = None if taken is None else self._items(wanted[1:], given[length:], taken, rest_of)
                if found is not None:
                    return found
            return None
        if not given or not isinstance(given[0], ast.AST):
            return None
        current = self.expression(wanted[0], given[0], bound)
        return None if current is None else self._items(wanted[1:], given[1:], current, rest_of)

    def _subscript(
        self, wanted: ast.Subscript, node: ast.Subscript, bound: dict[str, Bound]
    ) -> dict[str, Bound] | None:
        """Match an index, in which `...` is Python's own, and `$...rest` stands for further axes."""
        current: dict[str, Bound] | None = self.expression(wanted.value, node.value, bound)
        if current is None or not isinstance(wanted.slice, ast.Tuple):
            return None if current is None else self.expression(wanted.slice, node.slice, current)
        if not isinstance(node.slice, ast.Tuple):
            return None
        return self._items(list(wanted.slice.elts), list(node.slice.elts), current, _named_rest_of)

    def _bind_rest(self, name: str, items: Sequence[ast.AST], bound: dict[str, Bound]) -> dict[str, Bound] | None:
        if name == ANYTHING:
            return bound
        known = bound.get(name)
        if known is None:
            return {**bound, name: list(items)}
        same = isinstance(known, list) and len(known) == len(items)
        same = same and all(equal(a, b, self.aliases) for a, b in zip(known, items, strict=True))  # type: ignore[arg-type]
        return bound if same else None

    def _call(self, wanted: ast.Call, node: ast.Call, bound: dict[str, Bound]) -> dict[str, Bound] | None:
        """Match a call: arguments by place, keywords in any order; `...` takes what is left of both."""
        current = self.expression(wanted.func, node.func, bound)
        if current is None:
            return None
        open_end = rest_of(wanted.args[-1]) if wanted.args and self.pattern is not None else None
        others = list(node.keywords)
        for keyword in wanted.keywords:
            given = next((item for item in others if item.arg == keyword.arg), None)
            current = None if given is None else self.expression(keyword.value, given.value, current)
            if current is None:
                return None
            others = [item for item in others if item is not given]
        if open_end is None:
            return None if others else self._items(list(wanted.args), list(node.args), current)
        plain = len(wanted.args) - 1
        if len(node.args) < plain:
            return None
        current = self._items(list(wanted.args[:-1]), list(node.args[:plain]), current)
        return None if current is None else self._bind_rest(open_end, [*node.args[plain:], *others], current)

    def block(self, wanted: list[ast.stmt], given: list[ast.stmt], bound: dict[str, Bound]) -> dict[str, Bound] | None:
        """Match a whole block."""
        if len(wanted) > 0 and rest_of(wanted[-1]) is None:
            given = [item for item in given if not _says_nothing(item)] or given
        found = self.prefix(wanted, given, bound, whole=True)
        return None if found is None else found[0]

    def prefix(
        self, wanted: list[ast.stmt], given: list[ast.stmt], bound: dict[str, Bound], *, whole: bool = False
    ) -> tuple[dict[str, Bound], int] | None:
        """Match the first statements of a block, or all of them; returns how many they are."""
        if not wanted:
            return None if whole and given else (bound, 0)
        rest = rest_of(wanted[0])
        if rest is not None:
            for length in range(len(given) + 1):
                taken = self._bind_rest(rest, given[:length], bound)
                found = None if taken is None else self.prefix(wanted[1:], given[length:], taken, whole=whole)
                if found is not None and (rest != ANYTHING or self._keeps(given[:length], bound)):
                    return found[0], found[1] + length
            return None
        named = self.pattern.spelled_out(wanted[0]) if self.pattern is not None else None
        if named is not None:
            return self.prefix([*named, *wanted[1:]], given, bound, whole=whole)
        choices = choices_of(wanted[0])
        if choices is not None:
            taking = (self.prefix([*choice, *wanted[1:]], given, bound, whole=whole) for choice in choices)
            return next((found for found in taking if found is not None), None)
        if not given:
            return None
        current = self._statement(wanted[0], given[0], bound)
        found = None if current is None else self.prefix(wanted[1:], given[1:], current, whole=whole)
        return None if found is None else (found[0], found[1] + 1)

    def _statement(self, wanted: ast.stmt, given: ast.stmt, bound: dict[str, Bound]) -> dict[str, Bound] | None:
        return self.expression(wanted, given, bound)

    def _keeps(self, between: Sequence[ast.stmt], bound: Mapping[str, Bound]) -> bool:
        """Whether statements that `...` stands for leave what was bound before it, and what that holds, as it is."""
        names = {node.id for node in bound.values() if isinstance(node, ast.Name)}
        return names.isdisjoint(changed_name(node) for item in between for node in walk(item))

    def _dotted(self, node: ast.AST) -> str | None:
        """A dotted name, spelled out by what the imports say; None for any other expression, or with a placeholder."""
        names: list[str] = []
        while isinstance(node, ast.Attribute):
            names.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or name_of(node) is not None:
            return None
        first = self.aliases.get(node.id, USUAL_ALIASES.get(node.id, node.id))
        return ".".join([first, *reversed(names)])


def changed_name(node: ast.AST) -> str:
    """The name that a node binds or deletes, or of whose value it changes a part: `x[0] = ...`, `x.add_(...)`."""
    changing = isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        changing, node = node.func.attr.endswith("_") and not node.func.attr.endswith("__"), node.func.value
    while changing and isinstance(node, ast.Subscript | ast.Attribute | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if changing and isinstance(node, ast.Name) else ""


def _named_rest_of(node: ast.AST) -> str | None:
    """The name of the placeholder for further axes; a bare `...` is an axis."""
    return rest_of(node) if isinstance(node, ast.Name) else None


def _as_assignment(node: ast.AugAssign) -> ast.AST:
    """`x += v` as `x = x + v`, for a plain name."""
    if not isinstance(node.target, ast.Name):
        return node
    read = ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target)
    value = ast.copy_location(ast.BinOp(read, node.op, node.value), node)
    return ast.copy_location(ast.Assign([node.target], value), node)


def _says_nothing(statement: ast.stmt) -> bool:
    """A string that stands by itself."""
    return isinstance(statement, ast.Expr) and rest_of(statement) is None and isinstance(statement.value, ast.Constant)
