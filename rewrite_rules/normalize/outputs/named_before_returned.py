"""Name what the next part returns before it is returned.

A module that only chooses an attention hands its result on, `return self.attention(...)`. Named, the result shows what
it consists of, and the cache can be taken along.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import returned_names
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import bind_value
from qeff_codegen.codemod.tree import spelled
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
            callee = callees.get(spelled(node.value.func)) if isinstance(node.value, ast.Call) else None
            names = ", ".join(returned_names(callee.forward)) if callee is not None else ""
            if names:
                bind_value(edits, node, names)
                edits.insert_below(node, f"return {names}")
                count += 1
        return edits.done(), count
