"""One function's source with its syntax tree, and the questions about it that are asked again and again.

A `Code` never changes: an edit makes another one. So its tree, its nodes by kind, its names and its text are each made
at most once, when they are first asked for.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TypeVar

from qeff_codegen.codemod.bindings import bound_names
from qeff_codegen.codemod.layout import Places
from qeff_codegen.codemod.tree import children, parse

_Node = TypeVar("_Node", bound=ast.AST)
_BLOCKS = ("body", "orelse", "finalbody", "handlers")
# What modeling files call torch's modules where their imports say nothing else.
USUAL_ALIASES = MappingProxyType({"nn": "torch.nn", "F": "torch.nn.functional"})


class Code:
    """A function's source, at indentation 0, with its decorators and the comments above it.

    Args:
        text: the source; it ends with a line break.
        aliases: what the file's imports call modules, with their full names.
    """

    def __init__(self, text: str, aliases: Mapping[str, str] = USUAL_ALIASES) -> None:
        self.text = text
        self.aliases = aliases

    def with_text(self, text: str) -> Code:
        """The same function with another source; itself, if nothing differs."""
        return self if text == self.text else Code(text, self.aliases)

    @cached_property
    def tree(self) -> ast.FunctionDef:
        """The function; `x: T = v` in it is the assignment `x = v`."""
        found = parse(self.text).body[0]
        assert isinstance(found, ast.FunctionDef)
        return found

    @cached_property
    def places(self) -> Places:
        """Offsets of nodes in the text."""
        return Places(self.text)

    @cached_property
    def _indexed(self) -> tuple[dict[type[ast.AST], list[ast.AST]], dict[ast.AST, ast.AST]]:
        kinds: dict[type[ast.AST], list[ast.AST]] = {}
        parents: dict[ast.AST, ast.AST] = {}
        pending: list[ast.AST] = [self.tree]
        while pending:
            node = pending.pop()
            kind = type(node)
            if kind in kinds:
                kinds[kind].append(node)
            else:
                kinds[kind] = [node]
            if kind is ast.Name:
                continue
            below = children(node)
            if below:
                for child in below:
                    parents[child] = node
                below.reverse()
                pending += below
        return kinds, parents

    def nodes(self, kind: type[_Node]) -> list[_Node]:
        """Every node of a kind, as they stand in the text."""
        return self._indexed[0].get(kind, [])  # type: ignore[return-value]

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node that holds `node`; None for the function itself."""
        return self._indexed[1].get(node)

    def parents(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around `node`, from the nearest to the function itself."""
        current = self.parent(node)
        while current is not None:
            yield current
            current = self.parent(current)

    def has(self, node: ast.AST) -> bool:
        """Whether `node` is one of this tree."""
        return node is self.tree or node in self._indexed[1]

    def statement_of(self, node: ast.AST) -> ast.stmt:
        """The innermost statement that holds `node`, or is it."""
        while not isinstance(node, ast.stmt):
            node = self._indexed[1][node]
        return node

    def block_of(self, statement: ast.stmt) -> list[ast.stmt]:
        """The statements among which `statement` stands."""
        holder = self._indexed[1][statement]
        for field in _BLOCKS:
            block = getattr(holder, field, None)
            if isinstance(block, list) and any(item is statement for item in block):
                return block
        raise LookupError("the statement is not one of this function")

    def blocks(self) -> Iterator[list[ast.stmt]]:
        """Every list of statements, the function's own first."""
        for kind in (ast.FunctionDef, ast.If, ast.For, ast.While, ast.With, ast.Try, ast.ExceptHandler):
            for node in self.nodes(kind):
                for field in _BLOCKS[:3]:
                    block = getattr(node, field, None)
                    if block and isinstance(block, list) and isinstance(block[0], ast.stmt):
                        yield block

    @property
    def body(self) -> list[ast.stmt]:
        """The function's own statements."""
        return self.tree.body

    @cached_property
    def identifiers(self) -> frozenset[str]:
        """Every name, attribute, keyword and parameter that the function mentions; of imported ones, their own too."""
        found = {node.id for node in self.nodes(ast.Name)}
        found |= {self.aliases[name].rpartition(".")[2] for name in found if name in self.aliases}
        found |= {node.attr for node in self.nodes(ast.Attribute)}
        found |= {node.arg for node in self.nodes(ast.keyword) if node.arg is not None}
        found |= {node.arg for node in self.nodes(ast.arg)}
        return frozenset(found)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters, `*args` and `**kwargs` excluded."""
        arguments = self.tree.args
        return tuple(item.arg for item in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs))

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name that is read or bound, keyword names excluded."""
        return frozenset(node.id for node in self.nodes(ast.Name))

    @cached_property
    def names_loaded(self) -> frozenset[str]:
        """Every name whose value is read."""
        return frozenset(node.id for node in self.nodes(ast.Name) if isinstance(node.ctx, ast.Load))

    @cached_property
    def names_bound(self) -> frozenset[str]:
        """Every name that is bound, in whatever way."""
        return frozenset(bound_names(self.tree))

    def span(self, node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
        """The offsets of a node, with parentheses that are around it alone."""
        start, end = self.places.span(node)
        if not isinstance(node, ast.expr):
            return start, end
        holder = self._indexed[1].get(node)
        lowest = 0
        call_ends = -1
        if isinstance(holder, ast.expr | ast.stmt | ast.keyword):
            lowest, last = self.places.span(holder)
            call_ends = last - 1 if isinstance(holder, ast.Call) and holder.func is not node else -1
        while (pair := self.places.around(start, end)) is not None:
            if pair[0] < lowest or pair[1] == call_ends or self.text[pair[0]] != "(":
                break
            start, end = pair[0], pair[1] + 1
        return start, end

    def segment(self, node: ast.expr | ast.stmt | ast.keyword) -> str:
        """A node's source text, with the parentheses around it."""
        start, end = self.span(node)
        return self.text[start:end]
