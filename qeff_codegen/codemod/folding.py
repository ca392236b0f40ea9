"""Decide conditions that are fixed in an exported decoder, and drop the branches that can then never run.

A rule says which expressions are known (`self.training` is false, `labels` is None); folding carries that through
`not`, `and`, `or`, conditional expressions and `if`/`elif`/`else`. Nothing else is evaluated.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection
from itertools import takewhile

from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits, block_text
from qeff_codegen.codemod.precedence import as_operand
from qeff_codegen.codemod.tree import find

Truth = Callable[[ast.expr], bool | None]


def fold(code: Code, truth: Truth) -> tuple[Code, int]:
    """Fold a function; returns it with the number of conditions decided."""
    folder = _Fold(code, truth)
    folder.run()
    return folder.edits.done(), folder.decided


def none_comparison(expression: ast.expr, names: Collection[str]) -> bool | None:
    """Truth of `<name> is None` and `<name> is not None` for names known to be None."""
    if not isinstance(expression, ast.Compare) or len(expression.ops) != 1:
        return None
    if not isinstance(expression.left, ast.Name) or expression.left.id not in names:
        return None
    compared = expression.comparators[0]
    if not isinstance(compared, ast.Constant) or compared.value is not None:
        return None
    if isinstance(expression.ops[0], ast.Is):
        return True
    return False if isinstance(expression.ops[0], ast.IsNot) else None


def decided(condition: ast.expr, truth: Truth) -> bool | None:
    """The value of a condition, by that of its parts; None where it depends on one that is not known."""
    if isinstance(condition, ast.UnaryOp) and isinstance(condition.op, ast.Not):
        inner = decided(condition.operand, truth)
        return None if inner is None else not inner
    if isinstance(condition, ast.BoolOp):
        values = [decided(item, truth) for item in condition.values]
        ends_on = isinstance(condition.op, ast.Or)
        return ends_on if ends_on in values else None if None in values else not ends_on
    return truth(condition)


class _Fold:
    """Folds from the inside out; each condition is decided once.

    Attributes:
        decided: how many parts of conditions were known.
    """

    def __init__(self, code: Code, truth: Truth) -> None:
        self.code = code
        self.truth = truth
        self.edits = Edits(code)
        self.decided = 0
        self._emptied: set[int] = set()

    def run(self) -> None:
        """Make all edits."""
        chosen, branched = self.code.nodes(ast.IfExp), self.code.nodes(ast.If)
        if any(self._is_known(test) for test in (*(item.test for item in chosen), *(item.test for item in branched))):
            self._fold_expressions()
            self._fold_block(self.code.body)

    def _is_known(self, test: ast.expr) -> bool:
        """Whether any part of a condition is known."""
        if self.truth(test) is not None:
            return True
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            return self._is_known(test.operand)
        return isinstance(test, ast.BoolOp) and any(self._is_known(item) for item in test.values)

    def _fold_expressions(self) -> None:
        # Those inside others come later in the text.
        for node in reversed(self.code.nodes(ast.IfExp)):
            test = self._simplify(node.test)
            if isinstance(test, bool):
                self.edits.replace(node, self.edits.text_of(node.body if test else node.orelse))
            elif test is not None:
                self.edits.replace(node.test, test)

    def _simplify(self, test: ast.expr) -> bool | str | None:
        """The value of a condition if it is decided, else what is left of it; None when nothing of it is known."""
        known = self.truth(test)
        if known is not None:
            self.decided += 1
            return known
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            inner = self._simplify(test.operand)
            if isinstance(inner, str):
                return f"not {as_operand(inner, ast.Not())}"
            return None if inner is None else not inner
        return self._simplify_all(test) if isinstance(test, ast.BoolOp) else None

    def _simplify_all(self, test: ast.BoolOp) -> bool | str | None:
        ends_on = isinstance(test.op, ast.Or)
        results = [self._simplify(item) for item in test.values]
        dropped = [value for value, item in zip(test.values, results, strict=True) if item is not None]
        if any(item is ends_on for item in results):
            return None if _binds_inside(test) else ends_on
        if any(_binds_inside(value) for value in dropped):
            return None
        if all(item is None for item in results):
            return None
        kept = [
            self.edits.text_of(value) if item is None else item
            for value, item in zip(test.values, results, strict=True)
            if not isinstance(item, bool)
        ]
        if not kept:
            return not ends_on
        return (" or " if ends_on else " and ").join(
            kept if len(kept) == 1 else [as_operand(item, test.op) for item in kept]
        )

    def _fold_block(self, block: list[ast.stmt]) -> bool:
        """Fold the statements of a block; whether anything is left of it."""
        left = False
        for statement in block:
            self._emptied |= {id(inner) for inner in _blocks_in(statement) if not self._fold_block(inner)}
            if not isinstance(statement, ast.If) or self._fold_if(statement):
                left = True
            else:
                self.edits.remove(statement)
        return left

    def _fold_if(self, node: ast.If) -> bool:
        """Fold one chain of branches; whether anything is left of it."""
        before = self.decided
        branches, last = self._open_branches(node)
        if last is None:
            # What is left of a chain ends with a branch that does something.
            while branches and id(branches[-1][1]) in self._emptied:
                branches.pop()
        if self.decided == before and branches and not self._emptied_branch(node):
            return True
        if not branches:
            if last is None or all(isinstance(item, ast.Pass) for item in last):
                return False
            self.edits.replace_statement(node, self._lines(last))
            return True
        text = ""
        for word, (test, body) in zip(["if", *["elif"] * len(branches)], branches, strict=False):
            above = self._comments_above(body) if word == "elif" else ""
            text += f"{above}{word} {test}:\n" + block_text([self._lines(body)])
        if last is not None:
            text += f"{self._comments_above(last)}else:\n" + block_text([self._lines(last)])
        self.edits.replace_statement(node, text)
        return True

    def _emptied_branch(self, node: ast.If) -> bool:
        """Whether folding has emptied a block of the chain."""
        return any(id(block) in self._emptied for block in (*_blocks_in(node), node.body))

    def _open_branches(self, node: ast.If) -> tuple[list[tuple[str, list[ast.stmt]]], list[ast.stmt] | None]:
        """The branches that may still run, each with its condition, and the body of the final `else`."""
        branches: list[tuple[str, list[ast.stmt]]] = []
        current = node
        while True:
            test = self._simplify(current.test)
            if test is True:
                return branches, current.body
            if test is not False:
                branches.append((self._test_text(current.test) if test is None else test, current.body))
            if not current.orelse:
                return branches, None
            if not _is_elif(current, self.code):
                return branches, current.orelse
            following = current.orelse[0]
            assert isinstance(following, ast.If)
            current = following

    def _comments_above(self, body: list[ast.stmt]) -> str:
        """The comments above the `elif` or `else` that `body` hangs on."""
        holder = self.code.parent(body[0])
        assert isinstance(holder, ast.If)
        if body is holder.orelse:
            end = holder.body[-1].end_lineno or 0
        else:
            before = self.code.parent(holder)
            assert isinstance(before, ast.If)
            end = before.body[-1].end_lineno or 0 if before.orelse == [holder] else holder.lineno - 1
        above = takewhile(_is_blank_or_comment, self.code.text.split("\n")[end:])
        indent = " " * holder.col_offset
        return "".join(f"{line[len(indent) :]}\n" for line in above if line.startswith(f"{indent}#"))

    def _test_text(self, test: ast.expr) -> str:
        start, end = self.code.places.span(test)
        bare = self.code.text[start:end]
        return self.edits.text_of(test) if "\n" in bare else bare

    def _lines(self, block: list[ast.stmt]) -> str:
        """A block at indentation 0, without the statements that only fill it."""
        kept = [item for item in block if not isinstance(item, ast.Pass)] or block[:1]
        return "".join(self.edits.statement_with_comments(item) for item in kept)


def _binds_inside(test: ast.expr) -> bool:
    """Whether a condition binds a name, which whatever is read later may need."""
    return bool(find(ast.NamedExpr, test))


def _is_blank_or_comment(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _blocks_in(statement: ast.stmt) -> list[list[ast.stmt]]:
    """The blocks of a compound statement, those of `elif` branches included."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return []
    found = []
    for field in ("body", "orelse", "finalbody"):
        block = getattr(statement, field, None)
        if isinstance(block, list) and block:
            is_elif = isinstance(statement, ast.If) and field == "orelse" and isinstance(block[0], ast.If)
            if is_elif and len(block) == 1 and block[0].col_offset == statement.col_offset:
                found += _blocks_in(block[0])
            else:
                found.append(block)
    return found


def _is_elif(node: ast.If, code: Code) -> bool:
    following = node.orelse[0]
    return (
        isinstance(following, ast.If)
        and len(node.orelse) == 1
        and following.col_offset == node.col_offset
        and code.text.startswith("elif", code.places.span(following)[0])
    )
