"""Ask once, at the beginning of the model, whether the configuration is that of a decoder, and never again.

Some models are encoders unless the configuration says `is_decoder`. An exported causal LM is a decoder, and its mask
looks back only. With another configuration upstream looks ahead, so that is an error, and not ignored. A function that
upstream chooses by it, and calls by a local name, is called by its own.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned, values_of
from qeff_codegen.codemod.tree import spelled, statements_of
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import FactsRule
from qeff_codegen.patterns.match import find_all
from rewrite_rules.vocabulary import pattern

FLAG = "self.config.is_decoder"
CHOSEN = pattern(f"$chosen = $one if {FLAG} else $_")
ASKED = f"""
if not {FLAG}:
    raise ValueError("without `config.is_decoder` the model looks ahead")
"""


class OnlyDecoder(FactsRule):
    why = "A causal LM is exported as a decoder: a configuration that looks ahead is an error, not ignored."
    roles = (Role.MODEL,)
    facts = {FLAG: True}

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        chosen = {
            item.spelled("chosen") for item in find_all(CHOSEN, function.code) if item.are_names("chosen", "one")
        }
        code, decided = super().rewrite(function, anatomy)
        code = _called_by_own_name(code, chosen)
        if not decided or not function.is_forward:
            return code, decided
        edits = Edits(code)
        edits.insert_above(statements_of(code.tree)[0], ASKED)
        return edits.done(), decided


def _called_by_own_name(code: Code, chosen: set[str]) -> Code:
    """Call the functions that locals were chosen to stand for by their own names, where each is bound once."""
    edits = Edits(code)
    for node in code.nodes(ast.Assign):
        name, value = assigned(node) or ("", node.value)
        if name in chosen and len(values_of(name, code)) == 1:
            for read in code.nodes(ast.Name):
                if read.id == name and isinstance(read.ctx, ast.Load):
                    edits.replace(read, spelled(value))
            edits.remove(node)
    return edits.done()
