"""Ask once, at the beginning of the model, whether the configuration is that of a decoder, and never again.

Some models are encoders unless the configuration says `is_decoder`. An exported causal LM is a decoder, and its mask
looks back only. With another configuration upstream looks ahead, so that is an error, and not ignored.
"""

from __future__ import annotations

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.tree import statements_of
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import FactsRule

FLAG = "self.config.is_decoder"
ASKED = f"""
if not {FLAG}:
    raise ValueError("without `config.is_decoder` the model looks ahead")
"""


class OnlyDecoder(FactsRule):
    why = "A causal LM is exported as a decoder: a configuration that looks ahead is an error, not ignored."
    roles = (Role.MODEL,)
    facts = {FLAG: True}

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code, decided = super().rewrite(function, anatomy)
        if not decided or not function.is_forward:
            return code, decided
        edits = Edits(code)
        edits.insert_above(statements_of(code.tree)[0], ASKED)
        return edits.done(), decided
