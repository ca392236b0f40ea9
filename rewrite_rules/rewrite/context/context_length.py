"""Take the length of the context where upstream adds the new tokens to the length of the cache.

What upstream makes for every token so far, such as the distances of a linear bias, the graph makes for every slot of
the context: slot `i` holds position `i`. A length that nothing reads any more is not asked for.
"""

from __future__ import annotations

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.lengths import lengths_of
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import drop_assignments
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import find_all
from rewrite_rules.vocabulary import pattern

ONES = pattern("{torch.ones(($_, $all), ...), torch.ones($_, $all, ...)}")
CONTEXT = "target_length"


class ContextLength(Rule):
    why = "What upstream makes for all tokens so far is made for all slots of the context, whose length is fixed."
    roles = (Role.MODEL,)
    names = ("get_seq_length",)
    construct = f"`{ONES}`, where `$all` is the number of new tokens and that of the cached ones"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        lengths = lengths_of(code.tree)
        made = [found for found in find_all(ONES, code) if lengths.is_total(found["all"])]
        edits = Edits(code)
        for found in made:
            edits.replace(found["all"], CONTEXT)
        changed = _without_unread(edits.done(), lengths.totals)
        unread = lengths.seen - changed.names_loaded
        return _without_unread(changed, unread), len(made) or len(unread)


def _without_unread(code: Code, names: set[str]) -> Code:
    edits = Edits(code)
    drop_assignments(edits, names - code.names_loaded)
    return edits.done()
