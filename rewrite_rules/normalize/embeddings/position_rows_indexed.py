"""Look positions up in a table by indexing its weight, where a forward of its own stands before the table.

Tables are often an nn.Embedding whose forward adds an offset to the position, and counts positions itself when it is
given none. Indexed, the row is what upstream looks up, for any number of rows of positions, and what else the forward
takes, the length of the cache among it, is not asked for. Where upstream calls the result `position_ids` too, it
gets a name of its own.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.position_tables import position_table
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all
from rewrite_rules.position_lookups import lookups
from rewrite_rules.vocabulary import POSITIONS, pattern

# A model's own count: one row for the whole batch.
COUNTED = pattern(f"{POSITIONS} = {{torch.arange(...), torch.arange(...) + $_}}")
RESULT = "position_embeds"


class PositionRowsIndexed(Rule):
    why = "Positions are given, one row for each sequence, so a table needs an index and no counting of its own."
    roles = (Role.MODEL,)
    names = (POSITIONS,)
    construct = (
        f"`self.<table>(..., {POSITIONS}={POSITIONS})`, the table being an nn.Embedding whose forward returns "
        f"`super().forward({POSITIONS} + self.<offset>)`"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        rows: dict[ast.Call, str] = {}
        for call, spelled, cls, _ in lookups(code, anatomy.file, anatomy.file.classes[function.owner or ""]):
            table = position_table(cls) if function.is_forward else None
            if table is not None and table.adds_axis and not _counts_one_row(code):
                raise Unmatched("a table adds a batch axis to positions that have one", call)
            if table is not None:
                rows[call] = table.row(spelled)
        edits = Edits(code)
        _name_result(edits, list(rows))
        for call, row in rows.items():
            edits.replace(call, row)
        return edits.done(), len(rows)


def _counts_one_row(code: Code) -> bool:
    return any(found.node in code.body for found in find_all(COUNTED, code))


def _name_result(edits: Edits, calls: list[ast.Call]) -> None:
    """Give what is looked up another name, from `position_ids = <table>(...)` on."""
    code = edits.code
    statements = [code.statement_of(call) for call in calls]
    results = [item for item in code.body if item in statements and (assigned(item) or ("",))[0] == POSITIONS]
    if not results:
        return
    if RESULT in code.names:
        raise Unmatched(f"`{RESULT}` is the name of something else", results[0])
    for name in code.nodes(ast.Name):
        statement = code.statement_of(name)
        is_later = statement is not results[0] and statement.lineno > results[0].lineno
        is_bound = statement is results[0] and isinstance(name.ctx, ast.Store)
        if name.id == POSITIONS and (is_later or is_bound):
            edits.replace(name, RESULT)
