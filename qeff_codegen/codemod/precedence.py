"""Parentheses: whether an expression needs them in the place of another."""

from __future__ import annotations

import ast
import re

from qeff_codegen.codemod.code import Code

# From what binds loosely to what binds tightly; what is not here needs no parentheses anywhere.
_BINDING: dict[type[ast.AST], int] = {
    ast.NamedExpr: 0,
    ast.Tuple: 0,
    ast.Yield: 0,
    ast.YieldFrom: 0,
    ast.Lambda: 1,
    ast.IfExp: 2,
    ast.Or: 3,
    ast.And: 4,
    ast.Not: 5,
    ast.Compare: 6,
    ast.BinOp: 7,
    ast.UnaryOp: 12,
    ast.Pow: 13,
    ast.Await: 14,
}
_TIGHT = 15
# What stands before and after an operand; a single `=` and `*` of a spread are no operators.
_BEFORE = re.compile(r"(?:[-+/%@<>&|^~]|[\w)\]] ?\*\*?|[=!]=|\b(?:not|and|or|is|in|if|else)) *$")
_AFTER = re.compile(r" *(?:[-+*/%@<>&|^]|[=!]=|\b(?:not|and|or|is|in|if|else)\b)")
# Where a tuple needs no parentheses: alone on a side of a statement, or as an index.
_BARE = (ast.Assign, ast.AugAssign, ast.Return, ast.For, ast.Expr, ast.Subscript)


def in_its_place(text: str, node: ast.AST, code: Code) -> str:
    """`text` in parentheses, if it needs them where `node` stands."""
    try:
        new = ast.parse(f"({text})", mode="eval").body
    except SyntaxError:
        return text
    needed = _is_loose(new, text, node, code.parent(node)) or (
        _is_cut_by_lines(text) and not _is_in_brackets(node, code)
    )
    return f"({text})" if needed and not is_enclosed(text) else text


def as_operand(text: str, operator: ast.boolop | ast.Not) -> str:
    """A condition in parentheses, if it needs them beside `and`, `or` or `not`."""
    loose = _binding(ast.parse(f"({text})", mode="eval").body) < _BINDING[type(operator)]
    return f"({text})" if loose and not is_enclosed(text) else text


def as_piece(text: str, before: str, after: str) -> str:
    """What stands for a placeholder, in parentheses if it needs them between the texts `before` and `after`."""
    try:
        new = ast.parse(f"({text})", mode="eval").body
    except SyntaxError:
        return text
    is_part = after[:1] in (".", "[", "(") or _BEFORE.search(before) or _AFTER.match(after)
    needed = (
        (is_part and _binding(new) < _TIGHT)
        or (after[:1] == "." and isinstance(new, ast.Constant) and text[:1].isdigit())
        or (_binding(new) == 0 and before.rstrip()[-1:] in ("(", ","))
        or (_is_cut_by_lines(text) and not _opens_brackets(before))
    )
    return f"({text})" if needed and not is_enclosed(text) else text


def is_enclosed(text: str) -> bool:
    """Whether parentheses stand around the whole text."""
    try:
        statement = (code := Code(f"def _():\n    return {text}\n")).body[0]
    except SyntaxError:
        return False
    assert isinstance(statement, ast.Return) and statement.value is not None
    if isinstance(statement.value, ast.Tuple | ast.GeneratorExp):
        # Its own parentheses are part of it.
        return code.text[code.places.span(statement.value)[0]] == "(" and _is_whole(statement.value, text)
    return code.places.span(statement.value) != code.span(statement.value)


def _is_whole(value: ast.expr, text: str) -> bool:
    if isinstance(value, ast.Tuple) and value.elts:
        return value.elts[0].col_offset > value.col_offset and text.startswith("(") and _closes_last(text)
    return text.startswith("(")


def _closes_last(text: str) -> bool:
    """Whether the first bracket of a text is closed by its last character."""
    pairs = Code(f"def _():\n    return {text}\n").places.brackets()
    start = len("def _():\n    return ")
    return (start, start + len(text.rstrip()) - 1) in pairs


def _binding(node: ast.expr) -> int:
    if isinstance(node, ast.BoolOp) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
        return _BINDING[type(node.op)]
    return _BINDING.get(type(node), _TIGHT)


def _is_loose(new: ast.expr, text: str, node: ast.AST, parent: ast.AST | None) -> bool:
    """Whether `new` would be read as a part of what stands around `node`."""
    binding = _binding(new)
    is_head = (isinstance(parent, ast.Attribute | ast.Subscript) and parent.value is node) or (
        isinstance(parent, ast.Call) and parent.func is node
    )
    if is_head:
        return binding < _TIGHT or (isinstance(new, ast.Constant) and text[:1].isdigit())
    if isinstance(parent, ast.BinOp | ast.BoolOp | ast.UnaryOp | ast.Compare | ast.IfExp | ast.Starred | ast.Await):
        return binding <= _loosest(parent, node) and binding < _TIGHT
    return binding == 0 and not isinstance(parent, _BARE)


def _loosest(parent: ast.AST, node: ast.AST) -> int:
    """How loosely an expression may bind in the place of `node` in `parent` and still need parentheses."""
    if isinstance(parent, ast.IfExp):
        return 1 if parent.orelse is node else 2
    if isinstance(parent, ast.BoolOp):
        return _BINDING[ast.And]
    if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow):
        return _BINDING[ast.Pow]
    return _BINDING.get(type(parent), _TIGHT - 1)


def _is_cut_by_lines(text: str) -> bool:
    """Whether a text has line breaks that only brackets around it would join."""
    if "\n" not in text:
        return False
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return True
    return False


def _is_in_brackets(node: ast.AST, code: Code) -> bool:
    assert isinstance(node, ast.expr | ast.keyword)
    start, end = code.span(node)
    return any(opened < start and end <= closed for opened, closed in code.places.brackets())


def _opens_brackets(text: str) -> bool:
    return sum(map(text.count, "([{")) > sum(map(text.count, ")]}"))
