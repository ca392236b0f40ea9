"""Add features of images to what layers give by a sum over all tokens, in which they are zero where no image stands.

Upstream takes the tokens of images out by a mask, adds as many features, and writes the sums back. How many that is
would be a size of the example that is traced. The program for text has put the features at their tokens by then, as it
does with those that take the places of embeddings, and adds zero elsewhere.
"""

from __future__ import annotations

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.deep_features import ADDED, DEEP, deep_features
from qeff_codegen.anatomy.modeling_file import parameters
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all
from rewrite_rules.vocabulary import pattern

ONE = pattern("$states = $add($states, $places, $deep[$layer])")


class DeepFeaturesInPlace(Rule):
    why = "How many tokens an image has is no size of the graph: its features stand at their tokens, zero elsewhere."
    roles = (Role.MODEL,)
    construct = f"`{ADDED.shown}`, by a method that adds at some places"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward or DEEP not in parameters(anatomy.causal_lm.forward):
            return code, 0
        deep = deep_features(anatomy.model.cls)
        added = find_all(ADDED, code)
        if deep is None or len(added) != 1:
            raise Unmatched("features of images are added to layers in another way", code.tree)
        edits = Edits(code)
        for found in find_all(ONE, code):
            layer = found.spelled("layer")
            edits.replace_statement(
                code.statement_of(found.node),
                f"{deep.states} = {deep.states} + {deep.embeds}[{layer}].to({deep.states}.dtype)",
            )
        return edits.done(), 1
