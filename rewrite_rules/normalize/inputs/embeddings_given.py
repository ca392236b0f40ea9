"""Ask the embeddings whether tokens came or they did, where upstream asks the tokens.

An image-text model hands its text model embeddings, in which images have the places of tokens. A text model that takes
either says so first, and from then on one question answers the other. Asked of the tokens, which an exported decoder
takes, it would be answered once for all, and no embeddings could be given.
"""

from __future__ import annotations

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import find_all
from rewrite_rules.vocabulary import pattern

ONE_OF_BOTH = pattern("""
if (input_ids is None) ^ (inputs_embeds is not None):
    raise $_
""")
EMBEDDED = pattern("""
if input_ids is not None:
    inputs_embeds = $_
""")
HAS_TOKENS = pattern("input_ids is not None")


class EmbeddingsGiven(Rule):
    why = "An image-text model hands its text model embeddings: which of the two came is asked of them, not of tokens."
    roles = (Role.MODEL,)
    names = ("input_ids", "inputs_embeds")
    construct = f"`{EMBEDDED.shown}`, after `{ONE_OF_BOTH.shown}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        said, embedded = find_all(ONE_OF_BOTH, code), find_all(EMBEDDED, code)
        if not function.is_forward or len(said) != 1 or len(embedded) != 1:
            return code, 0
        first, last = said[0].statements[0].lineno, embedded[0].statements[0].lineno
        edits = Edits(code)
        # Behind them there are embeddings in any case.
        asked = [found for found in find_all(HAS_TOKENS, code) if first < found.expression.lineno <= last]
        for found in asked:
            edits.replace(found.expression, "inputs_embeds is None")
        return edits.done(), len(asked)
