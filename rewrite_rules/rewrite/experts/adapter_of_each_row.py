"""Lead the whole batch through each adapter, and take from it the rows that are its own.

Upstream takes out the rows whose number is an adapter's, computes them, and puts them back. How many these are depends
on values, and a graph has fixed shapes; so every adapter computes all rows, and a mask says which of them stay. An
adapter that computes each row by itself gives its own rows the same.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingClass, self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.conditions import READ_NOWHERE_ELSE, Place
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import Change, make
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules.rewrite.experts._experts_of_rows import refuse_other_experts

# Numbers stand for the rows of a batch, `[batch_size]`; what is adapted is `[batch_size, tokens, size]`.
ROWS = Change(
    """
$chosen = $numbers == $number
$taken = $states[$chosen]
$adapted = $adapter($taken)
$all[$chosen] = $adapted
""",
    """
$chosen = $numbers == $number
$all = torch.where($chosen[:, None, None], $adapter($states), $all)
""",
    where={"taken": READ_NOWHERE_ELSE, "adapted": READ_NOWHERE_ELSE},
)


class AdapterOfEachRow(Rule):
    why = "How many rows are an adapter's depends on values: it computes all rows, and a mask says which are its own."
    roles = (Role.ADAPTERS,)
    construct = ROWS.expected

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        owner = anatomy.file.classes[function.owner or ""]
        edits = Edits(code)
        found = ROWS.matches(Place(code, owner, anatomy))
        for item in found:
            loop = next(around for around in code.parents(item.node) if isinstance(around, ast.For))
            adapter = item["adapter"]
            held = self_attribute(adapter.value) if isinstance(adapter, ast.Subscript) else None
            if held is None:
                raise Unmatched("it is not known which modules adapt the rows", item.node)
            refuse_other_experts(_put_into(owner, held), anatomy, loop)
            make(edits, item, ROWS.give)
        return edits.done(), len(found)


def _put_into(owner: ModelingClass, held: str) -> list[str]:
    """The classes of the modules that `__init__` puts into `self.<held>`."""
    return [
        spelled(node.value.func)
        for node in find(ast.Assign, owner.methods.get("__init__"))
        for target in node.targets
        if isinstance(target, ast.Subscript) and self_attribute(target.value) == held
        if isinstance(node.value, ast.Call)
    ]
