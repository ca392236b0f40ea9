"""Decide the questions for the attention implementation: it is eager.

Flash and SDPA kernels are chosen at run time, from the configuration; the export has eager arithmetic, which all of
them compute.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.implementation_tables import ASKS_FOR_FLASH
from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._folding import fold
from rewrite_rules._implementation import IMPLEMENTATION, is_eager


class EagerImplementation(Rule):
    why = "The export has one attention implementation, eager; what others would run is never reached."
    roles = CALL_PATH
    construct = f'`{IMPLEMENTATION} == "<implementation>"` or `{ASKS_FOR_FLASH}(...)`'

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        return fold(function.node, is_eager)
