"""Locals that count tokens: those that are cached, those that are new, and the sum of both."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from qeff_codegen.codemod.bindings import bindings
from qeff_codegen.codemod.tree import find, spelled, walk

# Tensors with a row for each new token on their second axis.
OF_TOKENS = {"inputs_embeds", "hidden_states", "input_ids", "input"}


@dataclass
class Lengths:
    """Locals of one function, each of which holds nothing else.

    Attributes:
        batch: the number of sequences.
        seen: the cache's length.
        new: the number of new tokens.
        totals: the sum of `seen` and `new`.
        shapes: the sizes of tokens or embeddings.
    """

    batch: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    new: set[str] = field(default_factory=set)
    totals: set[str] = field(default_factory=set)
    shapes: set[str] = field(default_factory=set)

    def is_total(self, expression: ast.expr) -> bool:
        """Whether an expression is the number of all tokens so far."""
        if isinstance(expression, ast.Name):
            return expression.id in self.totals
        if not isinstance(expression, ast.BinOp) or not isinstance(expression.op, ast.Add):
            return False
        left, right = expression.left, expression.right
        return (self.counts_new(left) and self.is_seen(right)) or (self.is_seen(left) and self.counts_new(right))

    def counts_new(self, expression: ast.expr) -> bool:
        """Whether an expression is the number of new tokens: a name for it, or the size written out."""
        if isinstance(expression, ast.Name):
            return expression.id in self.new
        sized = _second_size_of(expression)
        return self._is_second(expression) or (isinstance(sized, ast.Name) and sized.id in OF_TOKENS)

    def is_seen(self, expression: ast.expr) -> bool:
        """Whether an expression is a name for the cache's length."""
        return isinstance(expression, ast.Name) and expression.id in self.seen

    def _is_second(self, expression: ast.expr) -> bool:
        """`shape[1]`, or `shape[-1]`, of sizes without the last one or of rows of tokens, which have two."""
        if not isinstance(expression, ast.Subscript) or not isinstance(expression.value, ast.Name):
            return False
        return expression.value.id in self.shapes and ast.unparse(expression.slice) in ("1", "-1")


def lengths_of(function: ast.FunctionDef) -> Lengths:
    """The locals of `function` that count, as its assignments show, from the first to the last."""
    lengths, bound = _collected(function, ())
    stored = Counter(node.arg for node in find(ast.arg, function))
    stored.update(binding.name for binding in bindings(function))
    mixed = {name for name, count in bound.items() if count != stored[name]}
    return _collected(function, mixed)[0] if mixed else lengths


def _collected(function: ast.FunctionDef, mixed: Collection[str]) -> tuple[Lengths, Counter[str]]:
    """The locals that count, but for the `mixed` ones, and how often each is bound to what it counts."""
    lengths, bound = Lengths(), Counter[str]()
    assignments = [node for node in walk(function) if isinstance(node, ast.Assign) and len(node.targets) == 1]
    for node in sorted(assignments, key=lambda node: (node.lineno, node.col_offset)):
        for kind, name in _kinds(node.targets[0], node.value, lengths):
            bound[name] += 1
            if name not in mixed:
                kind.add(name)
    return lengths, bound


def _kinds(target: ast.expr, value: ast.expr, lengths: Lengths) -> list[tuple[set[str], str]]:
    """What an assignment says of names: to which of the lengths each belongs."""
    if isinstance(target, ast.Tuple):
        names = [item.id for item in target.elts if isinstance(item, ast.Name)]
        if len(names) == len(target.elts) and names[2:] in ([], ["_"]) and _are_sizes(value, len(names), lengths):
            return [(lengths.batch, names[0]), (lengths.new, names[1])]
    elif isinstance(target, ast.Name):
        if isinstance(_second_size_of(value), ast.Name) or lengths.counts_new(value):
            return [(lengths.new, target.id)]
        if _is_length_of_cache(value):
            return [(lengths.seen, target.id)]
        if lengths.is_total(value):
            return [(lengths.totals, target.id)]
        if _is_shape(value):
            return [(lengths.shapes, target.id)]
    return []


def _is_length_of_cache(value: ast.expr) -> bool:
    """`cache.get_seq_length() if cache is not None else 0`, or the other way round."""
    if not isinstance(value, ast.IfExp) or not isinstance(value.test, ast.Compare):
        return False
    cache = spelled(value.test.left)
    spellings = "{0}.get_seq_length() if {0} is not None else 0", "0 if {0} is None else {0}.get_seq_length()"
    return cache.isidentifier() and spelled(value) in [text.format(cache) for text in spellings]


def _second_size_of(expression: ast.expr) -> ast.expr | None:
    """The `x` of `x.shape[1]` and `x.size(1)`."""
    if isinstance(expression, ast.Call) and [spelled(item) for item in expression.args] == ["1"]:
        sized = expression.func
        return sized.value if isinstance(sized, ast.Attribute) and _is_attribute(sized, "size") else None
    if not isinstance(expression, ast.Subscript) or not isinstance(expression.slice, ast.Constant):
        return None
    shape, second = expression.value, expression.slice.value == 1
    return shape.value if second and isinstance(shape, ast.Attribute) and _is_attribute(shape, "shape") else None


def _is_shape(expression: ast.expr) -> bool:
    """`x.shape` or `x.size()` of tokens, which have two sizes, or all but the last of what has three."""
    rows = {"input_ids", "input"}
    if isinstance(expression, ast.Subscript) and ast.unparse(expression.slice) in (":-1", ":2"):
        expression, rows = expression.value, OF_TOKENS
    if isinstance(expression, ast.Call) and not expression.args and not expression.keywords:
        sized, name = expression.func, "size"
    else:
        sized, name = expression, "shape"
    return isinstance(sized, ast.Attribute) and _is_attribute(sized, name) and ast.unparse(sized.value) in rows


def _are_sizes(expression: ast.expr, count: int, lengths: Lengths) -> bool:
    """`x.shape`, or `x.size()[:-1]`, of a local; or a name for such."""
    if _is_shape(expression) or (isinstance(expression, ast.Name) and expression.id in lengths.shapes):
        return count == 2
    if isinstance(expression, ast.Subscript):
        call = expression.value
        sized = isinstance(call, ast.Call) and not call.args and not call.keywords and _is_attribute(call.func, "size")
        return sized and spelled(expression.slice) == ":-1"
    return _is_attribute(expression, "shape")


def _is_attribute(expression: ast.expr, name: str) -> bool:
    return isinstance(expression, ast.Attribute) and expression.attr == name and isinstance(expression.value, ast.Name)
