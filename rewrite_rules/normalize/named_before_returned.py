"""Name what the next part returns before it is returned.

A module that only chooses an attention hands its result on, `return self.attention(...)`. Named, the result shows what
it consists of, and the cache can be taken along.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy, Part
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.anatomy.tree import walk
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import bind_value
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule


class NamedBeforeReturned(Rule):
    why = "Naming a result before it is returned shows what it consists of, and where the cache belongs."
    roles = (Role.DECODER_LAYER, Role.ATTENTION_WRAPPER)
    construct = "`return <callee>(...)`, the callee returning a tuple of names"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        callees = anatomy.callees(function.role)
        edits, count = Edits(code), 0
        for node in code.nodes(ast.Return) if function.is_forward else ():
            callee = callees.get(ast.unparse(node.value.func)) if isinstance(node.value, ast.Call) else None
            names = _returned_names(callee) if callee is not None else None
            if names is not None:
                bind_value(edits, node, names)
                edits.insert_below(node, f"return {names}")
                count += 1
        return edits.done(), count


def _returned_names(part: Part) -> str | None:
    """The names that a forward returns as a tuple, if it returns the same in all places."""
    values = [node.value for node in walk(part.forward) if isinstance(node, ast.Return)]
    tuples = [node.elts for node in values if isinstance(node, ast.Tuple)]
    names = {", ".join(item.id for item in items if isinstance(item, ast.Name)) for items in tuples}
    all_names = all(isinstance(item, ast.Name) for items in tuples for item in items)
    return names.pop() if len(names) == 1 and len(tuples) == len(values) and all_names else None
