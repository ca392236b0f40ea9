"""Keep latents that values are expanded from where the cache clears what no token has written.

A slot that holds no token may hold anything. For keys that is no matter, since the mask replaces their scores; values
are multiplied with weights of zero, which does not remove a NaN, so the cache clears them as it reads them. Where
upstream caches latents and expands them afterwards, it is the latent that the values come from which must be cleared.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.latents import UPDATE, expanded_latents
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all
from rewrite_rules.vocabulary import pattern

CACHED = pattern(f"$left, $right = {UPDATE}($first, $second, ...)")


class LatentsAsValues(Rule):
    why = "The cache clears unused slots of values, not of keys; a latent that values come from is kept as a value."
    roles = (Role.ATTENTION,)
    names = ("update",)
    construct = (
        f"`<a>, <b> = {UPDATE}(<a>, <b>, ...)`, then `<keys>, <values> = self.<expand>(<a>, <b>)`, the values being "
        "made of one of the two"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        cls = anatomy.file.classes.get(function.owner or "")
        expanded = expanded_latents(code.tree, cls.methods) if function.is_forward and cls is not None else None
        if expanded is None:
            return code, 0
        cached, values = expanded
        if values == {cached[1]}:
            return code, 0
        if values is None:
            raise Unmatched("it cannot be told what of the cached the values are expanded from", code.tree)
        if values != {cached[0]}:
            raise Unmatched("values are not expanded from one alone of what is cached, and one is cleared", code.tree)
        edits, count = Edits(code), 0
        for found in find_all(CACHED, code):
            if (spelled(found["left"]), spelled(found["right"])) == cached:
                _exchange(edits, found["left"], found["right"])
                _exchange(edits, found["first"], found["second"])
                count += 1
        return edits.done(), count


def _exchange(edits: Edits, first: ast.expr, second: ast.expr) -> None:
    edits.replace(first, edits.code.segment(second))
    edits.replace(second, edits.code.segment(first))
