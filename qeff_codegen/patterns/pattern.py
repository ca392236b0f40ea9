"""A pattern as it is written, parsed once."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Mapping
from functools import cached_property

from qeff_codegen.codemod.tree import parse

PLACEHOLDER = re.compile(r"\$(?P<rest>\.\.\.)?(?P<name>\w+)")
# What placeholders are called while Python reads the pattern.
ONE, REST = "__one_", "__rest_"
ANYTHING = "_"


class Pattern:
    """Code with placeholders, read when it is first used.

    Args:
        text: the pattern; one expression, or statements.
        vocabulary: what placeholders in capitals stand for: each a pattern, which may have placeholders of its own.

    Raises:
        SyntaxError: the text is no Python, placeholders aside.
        KeyError: the vocabulary has no pattern for a placeholder in capitals.
    """

    def __init__(self, text: str, vocabulary: Mapping[str, str] | None = None) -> None:
        self.text = text.strip("\n")
        self._vocabulary = vocabulary or {}

    def __str__(self) -> str:
        return self.text

    @property
    def shown(self) -> str:
        """The pattern in one line, for messages: without what may be missing, and in the first of several forms."""
        return shown(_Plain(self).visit(ast.Module(copy.deepcopy(self._tree), [])))

    @cached_property
    def _tree(self) -> list[ast.stmt]:
        python = PLACEHOLDER.sub(lambda found: (REST if found["rest"] else ONE) + found["name"], self.text)
        return parse(_dedented(python)).body

    @cached_property
    def expression(self) -> ast.expr | None:
        """The one expression that the pattern is; None for statements."""
        first = self._tree[0]
        return first.value if len(self._tree) == 1 and isinstance(first, ast.Expr) and not _is_gap(first) else None

    @property
    def statements(self) -> list[ast.stmt]:
        """The statements that the pattern is; none for an expression."""
        return self._tree if self.expression is None else []

    @cached_property
    def named(self) -> dict[str, Pattern]:
        """Patterns of the vocabulary that are used, those that these use included, by name."""
        names = {name_of(node) for item in self._tree for node in ast.walk(item)}
        found: dict[str, Pattern] = {}
        for name in names:
            if name is not None and name.isupper():
                found[name] = Pattern(self._vocabulary[name], self._vocabulary)
                found.update(found[name].named)
        return found

    def spelled_out(self, statement: ast.stmt) -> list[ast.stmt] | None:
        """The statements that a named pattern stands for, if `statement` is the placeholder of one."""
        named = self.named.get(name_of(statement.value) or "") if isinstance(statement, ast.Expr) else None
        return named.statements or None if named is not None else None

    @cached_property
    def placeholders(self) -> frozenset[str]:
        """Names of the placeholders, those of the vocabulary aside."""
        return frozenset(found["name"] for found in PLACEHOLDER.finditer(self.text)) - set(self.named) - {ANYTHING}

    @cached_property
    def identifiers(self) -> frozenset[str]:
        """What a function must mention to match: the pattern's own names, but for those of one spelling of several.

        Of a dotted name, whose beginning imports may spell otherwise, only the last part counts.
        """
        found: set[str] = set()
        pending: list[ast.AST] = list(self._tree)
        while pending:
            node = pending.pop()
            if isinstance(node, ast.Set) or choices_of(node) is not None:
                continue
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
                if _is_dotted(node.value):
                    continue
            elif isinstance(node, ast.Name) and not node.id.startswith((ONE, REST)):
                found.add(node.id)
            elif isinstance(node, ast.keyword) and node.arg is not None:
                found.add(node.arg)
            pending += ast.iter_child_nodes(node)
        return frozenset(found)


def shown(tree: ast.AST) -> str:
    """A pattern's tree in one line."""
    lines = [line.strip() for line in ast.unparse(tree).splitlines() if line.strip()]
    text = "".join(f"{line} " if line.endswith(":") else f"{line}; " for line in lines).removesuffix("; ")
    return text.replace(ONE, "$").replace(REST, "$...")


def _is_dotted(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and not node.id.startswith((ONE, REST))


def name_of(node: ast.AST) -> str | None:
    """The name of the placeholder for one expression that `node` is."""
    if isinstance(node, ast.Name) and node.id.startswith(ONE):
        return node.id.removeprefix(ONE)
    if isinstance(node, ast.arg) and node.arg.startswith(ONE):
        return node.arg.removeprefix(ONE)
    return None


def rest_of(node: ast.AST) -> str | None:
    """The name of the placeholder for further items that `node` is; `_` for a bare `...`."""
    if isinstance(node, ast.Expr):
        node = node.value
    if isinstance(node, ast.Name) and node.id.startswith(REST):
        return node.id.removeprefix(REST)
    return ANYTHING if isinstance(node, ast.Constant) and node.value is ... else None


def choices_of(node: ast.AST) -> tuple[list[ast.stmt], list[ast.stmt]] | None:
    """What `if ...:` offers: its statements, or those of its `else`, which are none where it has no `else`."""
    is_choice = isinstance(node, ast.If) and isinstance(node.test, ast.Constant) and node.test.value is ...
    return (node.body, node.orelse) if is_choice and isinstance(node, ast.If) else None


class _Plain(ast.NodeTransformer):
    def __init__(self, pattern: Pattern) -> None:
        self.pattern = pattern

    def visit_Expr(self, node: ast.Expr) -> ast.AST | list[ast.stmt]:
        named = copy.deepcopy(self.pattern.spelled_out(node))
        return node if named is None else self.visit(ast.Module(named, [])).body

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        choices = choices_of(node)
        return node if choices is None else choices[0] if choices[1] else []


def _is_gap(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and rest_of(statement) is not None


def _dedented(text: str) -> str:
    lines = text.split("\n")
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[indent:] for line in lines)
