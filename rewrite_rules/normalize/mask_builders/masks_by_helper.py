"""Call upstream's mask builder where a helper of older releases makes the causal mask.

`_prepare_4d_causal_attention_mask` came before the builders: given the mask of the tokens, the number of new ones and
of those that are cached, it makes what `create_causal_mask` makes. Where its result is turned into booleans
afterwards, that is said in the same statement, as newer files do. Its window counts one key more than the builders'
does, so a window is refused.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.lengths import Lengths, lengths_of
from qeff_codegen.anatomy.mask_form import CAUSAL, HELPER, HELPERS_MODULE
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.calls import bound_arguments
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import NameTaken, assigned
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all, match
from rewrite_rules.normalize.mask_builders._made_of import BUILT, TAKEN, problem
from rewrite_rules.vocabulary import pattern

MADE = pattern(f"{HELPERS_MODULE}.{HELPER}(...)")
NO_WINDOW = pattern("None")
BOOLEAN = pattern("$mask = {$mask.bool(), $mask.to(torch.bool)}")


class MasksByHelper(Rule):
    why = "The mask that an older helper makes is the builder's causal one; later rules see one spelling of it."
    roles = (Role.MODEL,)
    names = (HELPER,)
    construct = f"`{HELPER}(attention_mask, ($batch, $new), $states, $seen)`, the sizes being those of the tokens"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        lengths = lengths_of(code.tree)
        edits, made = Edits(code), find_all(MADE, code)
        if made and CAUSAL in anatomy.file.names:
            raise NameTaken(CAUSAL, made[0].node)
        for found in made:
            assert isinstance(found.node, ast.Call)
            given = bound_arguments(found.node, (*TAKEN, "sliding_window"))
            what = "the mask is made of unpacked arguments" if given is None else _problem(given, lengths)
            if given is None or what:
                raise Unmatched(what, found.node)
            built = BUILT.format(states=code.segment(given["inputs_embeds"]))
            edits.replace(found.node, built + _as_booleans(found.node, edits))
        return edits.done(), len(made)


def _problem(given: dict[str, ast.expr], lengths: Lengths) -> str:
    """What of a helper's arguments may make another mask than the causal one; empty if nothing does."""
    if "sliding_window" in given and match(NO_WINDOW, given["sliding_window"]) is None:
        return "the mask has a window that counts one key more than newer releases do"
    return problem(given, lengths)


def _as_booleans(call: ast.Call, edits: Edits) -> str:
    """What turns the mask into booleans, if the next statement did that; it is taken away."""
    code = edits.code
    statement = code.statement_of(call)
    named = assigned(statement)
    block = code.block_of(statement)
    following = block[block.index(statement) + 1 :]
    found = match(BOOLEAN, following[0]) if following and named is not None and named[1] is call else None
    if found is None or named is None or found.spelled("mask") != named[0]:
        return ""
    edits.remove(following[0])
    return ".to(torch.bool)"
