"""Let the attention interface be the eager attention function instead of looking one up in a registry.

The registry chooses flash, SDPA or eager kernels at run time; the export has one of them. Two spellings are known:
`<registry>.get_interface(<implementation>, <eager function>)`, and the older pair of a default and an `if` that
overwrites it from `<registry>[<implementation>]`. The call of the interface stays as upstream wrote it.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import find_all, match
from rewrite_rules.vocabulary import pattern

LOOKED_UP = pattern("$interface = ALL_ATTENTION_FUNCTIONS.get_interface(..., $eager)")
OVERWRITTEN = pattern("$interface = ALL_ATTENTION_FUNCTIONS[$implementation]")


class DirectEagerAttention(Rule):
    why = "The export has one attention implementation, eager with a boolean mask, so nothing is looked up."
    roles = (Role.ATTENTION,)
    construct = f"`{LOOKED_UP}` and a call of `$interface`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        edits = Edits(code)
        looked_up = find_all(LOOKED_UP, code)
        for found in looked_up:
            assert isinstance(found.node, ast.Assign)
            edits.replace(found.node.value, code.segment(found["eager"]))
        interfaces = {ast.unparse(found["interface"]) for found in looked_up}
        interfaces |= {
            name
            for name, value in filter(None, map(assigned, code.nodes(ast.Assign)))
            if isinstance(value, ast.Name) and value.id in anatomy.attention_functions
        }
        for branch in code.nodes(ast.If):
            if not branch.orelse and all(_overwrites(item, interfaces, code) for item in branch.body):
                edits.remove(branch)
        return (edits.done(), len(interfaces)) if interfaces else (code, 0)


def _overwrites(statement: ast.stmt, interfaces: set[str], code: Code) -> bool:
    """Whether a statement looks another implementation up, in the place of the eager one."""
    found = match(OVERWRITTEN, statement, code.aliases)
    return found is not None and ast.unparse(found["interface"]) in interfaces
