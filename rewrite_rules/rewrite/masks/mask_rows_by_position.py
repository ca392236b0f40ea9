"""Take the rows of an attention's own mask by position, where upstream takes the last ones.

Some attentions keep a mask of all positions against all, such as one for a window, and slice it by the lengths of
queries and keys: the queries are the last of the keys. In a preallocated cache the keys are always as many as the
context is long, and a query's row is its position. A pad's position is -1, for which the last row is taken and not
used.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.buffers import buffers_of
from qeff_codegen.anatomy.modeling_file import self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.calls import add_keywords
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned
from qeff_codegen.codemod.signatures import add_parameters
from qeff_codegen.codemod.tree import spelled, walk
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import equal, find_all, match
from rewrite_rules.vocabulary import POSITIONS, pattern

LAST_ROWS = pattern("$table[:, :, $keys - $queries : $keys, :$keys]")
AT_THE_END = pattern("{$_[$keys - $_ : $keys], $_[$..._, $keys - $_ : $keys, $..._]}")
SCORES = pattern("torch.matmul($query, $key.transpose(-1, -2))")
LENGTHS = pattern("$queries, $keys = $query.size(-2), $key.size(-2)")
FOR_ALL_HEADS = pattern("$_.view(1, 1, $n, $n)")


class MaskRowsByPosition(Rule):
    why = "A query's row of a mask is its position; upstream's last rows are those of the end of the context."
    roles = (Role.ATTENTION, Role.ATTENTION_FUNCTION)
    construct = (
        f"`{LAST_ROWS}`, the table having one row for each position and `$queries` and `$keys` being the lengths of "
        f"the scores, `{LENGTHS}` of `{SCORES}`"
    )

    def apply(self, draft: Draft) -> None:
        self.slicing = {
            (function.owner, f"self.{function.name}")
            for function in draft.of(Role.ATTENTION)
            if not function.is_forward and find_all(LAST_ROWS, function.code)
        }
        super().apply(draft)

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        cls = anatomy.file.classes.get(function.owner or "")
        methods = {} if cls is None else cls.methods
        edits = Edits(code)
        sliced = find_all(AT_THE_END, code)
        for found in sliced:
            table, keys = _table(found.node, code, methods.get("__init__"))
            edits.replace(found.expression, f"{table}[0, 0, :, :{keys}][{POSITIONS}].unsqueeze(1)")
        if sliced and not function.is_forward:
            add_parameters(edits, {POSITIONS: "torch.LongTensor | None"})
        calls = [node for node in code.nodes(ast.Call) if (function.owner, spelled(node.func)) in self.slicing]
        for call in calls:
            add_keywords(edits, call, {POSITIONS: POSITIONS})
        return edits.done(), len(sliced) + len(calls)


def _table(node: ast.AST, code: Code, initializer: ast.FunctionDef | None) -> tuple[str, str]:
    """How a function calls a mask whose last rows it takes, and the number of keys."""
    last, lengths = match(LAST_ROWS, node), _lengths(code)
    table = None if last is None else self_attribute(last["table"])
    if last is None or lengths is None or table is None or initializer is None:
        raise Unmatched("the last rows of a mask are taken otherwise, and mean other positions", node)
    if lengths != (last.spelled("queries"), last.spelled("keys")):
        raise Unmatched("the mask is sliced by other lengths than those of the scores", node)
    if not _is_one_mask(table, initializer):
        raise Unmatched(f"`self.{table}` is not one square mask for all heads", node)
    return f"self.{table}", lengths[1]


def _lengths(code: Code) -> tuple[str, str] | None:
    """What a function calls the numbers of queries and of keys, when they are those of its scores."""
    scores = find_all(SCORES, code)
    for found in find_all(LENGTHS, code):
        same = (equal(found[name], item[name]) for item in scores for name in ("query", "key"))
        if scores and all(same):
            return found.spelled("queries"), found.spelled("keys")
    return None


def _is_one_mask(table: str, initializer: ast.FunctionDef) -> bool:
    """Whether `__init__` keeps as `self.<table>` one square mask for all sequences and heads."""
    kept = [item.value for item in buffers_of(initializer) if item.name == table]
    if len(kept) != 1 or not isinstance(kept[0], ast.Name):
        return False
    bound = [named for node in walk(initializer) if (named := assigned(node)) is not None]
    return any(name == kept[0].id and match(FOR_ALL_HEADS, value) is not None for name, value in bound)
