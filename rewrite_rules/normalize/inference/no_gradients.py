"""Drop contexts that only decide of which calls gradients are kept.

A recurrence that runs its layers several times is trained through the last of these only: upstream opens
`torch.no_grad()` around the others, or a context that does nothing. At inference neither changes a number.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned, drop_assignments
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import match
from rewrite_rules.vocabulary import pattern

CONTEXT = pattern(
    "{torch.no_grad(), nullcontext(),"
    " nullcontext() if $_ else torch.no_grad(), torch.no_grad() if $_ else nullcontext()}"
)


class NoGradients(Rule):
    why = "The compiled graph has no gradients: a context that only keeps or drops them says nothing."
    roles = (Role.MODEL, Role.LAYER_STACK)
    names = ("no_grad", "nullcontext")
    construct = f"`with <context>:`, where the context is `{CONTEXT}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        edits = Edits(code)
        bound = [named for node in code.nodes(ast.Assign) if (named := assigned(node)) is not None]
        count = 0
        for node in code.nodes(ast.With):
            context = node.items[0].context_expr if len(node.items) == 1 and not node.items[0].optional_vars else None
            values = [value for name, value in bound if isinstance(context, ast.Name) and name == context.id]
            opened = values[0] if len(values) == 1 else context
            if opened is not None and match(CONTEXT, opened, code.aliases) is not None:
                edits.replace_statement(node, "".join(map(edits.statement_with_comments, node.body)))
                count += 1
        return (_without_unread(code, edits.done()), count) if count else (code, 0)


def _without_unread(before: Code, code: Code) -> Code:
    """What is left, without the counts that only said where gradients begin."""
    while True:
        unread = {
            name
            for node in code.nodes(ast.Assign)
            if (named := assigned(node)) is not None
            for name, value in [named]
            if name in before.names_loaded - code.names_loaded
            if all(spelled(call.func) in ("len", "nullcontext", "torch.no_grad") for call in find(ast.Call, value))
        }
        edits = Edits(code)
        if not drop_assignments(edits, unread):
            return code
        code = edits.done()
