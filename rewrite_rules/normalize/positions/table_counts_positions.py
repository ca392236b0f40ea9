"""Look the given positions up where a table counts them itself, on from the cached tokens that its caller counts.

Some models take no positions at all: they tell their table how many tokens are cached, and it counts on from there,
the same for the whole batch. A preallocated cache is as long as the context, and every sequence has its own positions,
so their rows are taken. A table that counts for no batch in particular gets its batch axis from the model, and given
positions have one.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.lengths import Lengths, lengths_of
from qeff_codegen.anatomy.modeling_file import ModelingClass, parameters
from qeff_codegen.anatomy.position_tables import position_table
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.calls import bound_arguments
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import drop_assignments
from qeff_codegen.codemod.tree import statements_of
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all, match
from rewrite_rules.chosen_by_setting import class_called
from rewrite_rules.vocabulary import POSITIONS, pattern

# What a table does without positions, and whether every sequence gets a row of them.
ABSENT = pattern(f"{POSITIONS} is None")
SIZES = pattern("$_, $new = $of[:2]")
ONE_ROW = pattern(f"{POSITIONS} = torch.arange($seen, $seen + $new, dtype=torch.long, device=$_)")
ROWS = pattern(f"{POSITIONS} = torch.arange($seen, $seen + $new, dtype=torch.long, device=$_).expand($_, -1)")
# What tells a table how many tokens are new.
NEW = pattern("{input, input_ids, hidden_states.shape[:-1], inputs_embeds.shape[:-1]}")
BATCH_ADDED = pattern("$rows[None, None, :, :]")


class TableCountsPositions(Rule):
    why = "A table that counts on from the length of a preallocated cache would be wrong; positions are given."
    roles = (Role.MODEL, Role.LAYER_STACK)
    names = ("get_seq_length",)
    construct = f"`self.<table>(<tokens>, <length of the cache>)`, the table counting as in `{ONE_ROW}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        lengths = lengths_of(code.tree)
        owner = anatomy.file.classes[function.owner or ""]
        edits = Edits(code)
        count = 0
        for attribute in owner.built:
            for found in find_all(pattern(f"self.{attribute}(...)"), code):
                assert isinstance(found.node, ast.Call)
                name = class_called(found.node, attribute, code, owner, anatomy.file)
                cls = anatomy.file.classes[name] if name is not None else None
                has_batch = _counts_itself(found.node, cls, lengths) if cls is not None else None
                table = position_table(cls) if cls is not None and has_batch is not None else None
                if table is not None:
                    row = table.row(f"self.{attribute}")
                    edits.replace(*((found.node, row) if has_batch else _with_given_batch(code, found.node, row)))
                    count += 1
        if not count:
            return code, 0
        changed = edits.done()
        edits = Edits(changed)
        drop_assignments(edits, lengths.seen - changed.names_loaded)
        return edits.done(), count


def _counts_itself(call: ast.Call, cls: ModelingClass, lengths: Lengths) -> bool | None:
    """Whether a table counts a row for every sequence, from the tokens and how many are cached; None for others."""
    given = bound_arguments(call, parameters(cls.forward)) if cls.forward is not None else None
    if cls.forward is None or not given or POSITIONS in given or POSITIONS not in parameters(cls.forward):
        return None
    first = next(iter(statements_of(cls.forward)), None)
    if not isinstance(first, ast.If) or match(ABSENT, first.test) is None or len(first.body) != 2:
        return None
    sizes = match(SIZES, first.body[0])
    counted = match(ONE_ROW, first.body[1]) or match(ROWS, first.body[1])
    if sizes is None or counted is None or sizes.spelled("new") != counted.spelled("new"):
        return None
    seen, tokens = given.get(counted.spelled("seen")), given.get(sizes.spelled("of").removesuffix(".shape"))
    if seen is None or not lengths.is_seen(seen) or tokens is None or match(NEW, tokens) is None:
        return None
    return match(ROWS, first.body[1]) is not None


def _with_given_batch(code: Code, call: ast.Call, row: str) -> tuple[ast.expr, str]:
    """What stands in the place of one row for the whole batch, to which the model adds its axis."""
    holder = code.parent(call)
    if holder is None or match(BATCH_ADDED, holder) is None:
        raise Unmatched("one row of positions for the whole batch is no tensor of `[1, 1, tokens, size]`", call)
    assert isinstance(holder, ast.Subscript)
    return holder, f"{row}[:, None, :, :]"
