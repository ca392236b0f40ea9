"""Answer upstream's question whether it is being compiled.

Some files leave out, under torch.compile, what only makes a default explicit. The graph is exported, and what upstream
does in eager mode is the reference.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._folding import fold
from rewrite_rules._matching import source

QUESTION = "is_torchdynamo_compiling"


class NotCompiling(Rule):
    why = "The graph is what upstream does in eager mode, so the question whether it is compiled is answered."
    roles = CALL_PATH
    words = (QUESTION,)
    construct = f"a condition on `{QUESTION}()`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        return fold(function.node, _is_question)


def _is_question(test: cst.BaseExpression) -> bool | None:
    return False if isinstance(test, cst.Call) and source(test) == f"{QUESTION}()" else None
