"""Give a table of positions no length of the cache when it is given the positions.

Some position tables also take the number of cached tokens and the tokens' mask: to count positions when none are
given, or to grow. Positions are always given, and none lies beyond the table, whose length the context cannot exceed.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.lengths import lengths_of
from qeff_codegen.anatomy.modeling_file import ModelingClass
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.calls import drop_arguments
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import drop_assignments
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import match
from rewrite_rules.position_lookups import lookups
from rewrite_rules.vocabulary import POSITIONS, pattern

MASK = "attention_mask"
# What a table does with a length that it needs only where no positions are given, or to grow.
COUNTS = pattern(f"if {POSITIONS} is None:\n    ...")
TOTAL = pattern("$size = $_ + seq_len + $length")
GROWS = pattern(
    "if {$size > self.weights.size(0), ... and $size > self.weights.size(0) and ...}:\n    self.make_weights(...)"
)


class NoLengthForPositions(Rule):
    why = "Positions are given, so the table that looks them up needs neither the cache's length nor a mask."
    roles = (Role.MODEL,)
    names = ("get_seq_length",)
    construct = f"`self.<table>(..., <length of the cache>, ...)` with `{POSITIONS}` among the arguments"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        lengths = lengths_of(code.tree)
        edits = Edits(code)
        count = 0
        for call, _, table, given in lookups(code, anatomy.file, anatomy.model.cls):
            taken = {name for name, value in given.items() if lengths.is_seen(value)}
            if taken and all(_is_unneeded(table, name) for name in taken):
                unread = {MASK} & set(given) if _is_unneeded(table, MASK) else set()
                _drop(edits, call, given, taken, unread)
                count += 1
        if not count:
            return code, 0
        changed = edits.done()
        edits = Edits(changed)
        drop_assignments(edits, lengths.seen - changed.names_loaded)
        return edits.done(), count


def _drop(edits: Edits, call: ast.Call, given: dict[str, ast.expr], gone: set[str], unread: set[str]) -> None:
    """Give some arguments no longer, and None for those that are not read; what follows by position gets its name."""
    dropped = [value for name, value in given.items() if name in gone]
    for name, value in given.items():
        if name in unread:
            edits.replace(value, "None")
        if value in call.args and any(item in dropped for item in call.args[: call.args.index(value)]):
            edits.insert(edits.code.span(value)[0], f"{name}=")
    drop_arguments(edits, call, dropped + [item for item in call.keywords if item.arg in gone])


def _is_unneeded(table: ModelingClass, parameter: str) -> bool:
    """Whether a table's forward reads a parameter only to count positions that are missing, or to grow itself."""
    assert table.forward is not None
    nodes = list(ast.walk(table.forward))
    totals = [found for node in nodes if (found := match(TOTAL, node)) and _is_name(found["length"], {parameter})]
    names = {parameter} | {found.spelled("size") for found in totals}
    fine = [found.node for found in totals] + [node for node in nodes if match(COUNTS, node)]
    fine += [node for node in nodes if (found := match(GROWS, node)) and _is_name(found["size"], names)]
    inside = {item for node in fine for item in ast.walk(node)}
    return all(node in inside for node in nodes if _is_name(node, names))


def _is_name(node: ast.AST, names: set[str]) -> bool:
    return isinstance(node, ast.Name) and node.id in names
