"""Drop dropout, which does nothing in evaluation mode.

Three spellings: `x = self.<dropout>(x)` with an nn.Dropout, which is `module.<dropout>` in a function that attentions
hand themselves to, `x = nn.functional.dropout(x, p=..., training=...)`, and the `dropout=` argument that carries the
probability to an attention function.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import CALL_PATH, Role
from qeff_codegen.codemod.calls import drop_keywords
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.signatures import drop_parameters
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules.normalize.dropout._dropout import FUNCTION, drop_dropout

ARGUMENT = "dropout"
# What an attention function calls the attention that calls it.
MODULE = "module"


class NoDropout(Rule):
    why = "Dropout is the identity at inference; left in, it would only be one more node."
    roles = (*CALL_PATH, Role.EMBEDDINGS, Role.ADAPTERS, Role.ATTENTION_FUNCTION)
    construct = f"`{FUNCTION}`, a call of an nn.Dropout module, or a `{ARGUMENT}=` argument"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        edits = Edits(code)
        dropped = drop_dropout(edits, _modules(function, anatomy))
        trimmed = [
            call
            for call in code.nodes(ast.Call)
            if not any(call is item for item in dropped) and drop_keywords(edits, call, [ARGUMENT])
        ]
        left = edits.done()
        if function.role is Role.ATTENTION_FUNCTION and ARGUMENT not in left.names:
            edits = Edits(left)
            drop_parameters(edits, [ARGUMENT])
            left = edits.done()
        count = len(dropped) + len(trimmed)
        return (left, count) if count else (code, 0)


def _modules(function: Function, anatomy: Anatomy) -> frozenset[str]:
    """How a function spells dropout modules.

    Every attention hands itself to its function, as `module`, so there it is what is an nn.Dropout in each of them.
    """
    if function.role is not Role.ATTENTION_FUNCTION:
        owner = anatomy.file.classes.get(function.owner or "")
        return frozenset(f"self.{name}" for name in (owner.made_by("Dropout") if owner is not None else ()))
    made = [part.cls.made_by("Dropout") for part in anatomy.parts(Role.ATTENTION)]
    return frozenset(f"{MODULE}.{name}" for name in frozenset.intersection(*made))
