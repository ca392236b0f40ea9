"""Drop the keys of a trained prompt, which stand before those of the tokens, from models that are built without one.

Some attentions join keys and values of a prompt to those of the cache, where they are given one. The cache has no
slots for them, and the mask is made for its slots alone. Where the causal LM never gives any, because it leaves the
switch off with which another model of the file turns prompts on, the prompt goes; anywhere else the model is refused.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.keys_joined import joined_after_update
from qeff_codegen.anatomy.left_off import calls_of, given_to, never_given, switches_left_off
from qeff_codegen.anatomy.modeling_file import parameters, self_attribute
from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.codemod.calls import arguments_of, drop_arguments
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.folding import fold, none_comparison
from qeff_codegen.codemod.signatures import drop_parameters
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched


class NoTrainedPrompt(Rule):
    why = "The cache has no slots for the keys of a trained prompt, and this model is built without one."
    roles = CALL_PATH
    construct = "`if <prompt> is not None:` around keys that are joined to those of the cache"

    def applies_to(self, function: Function) -> bool:
        return super().applies_to(function) and function.is_forward

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        prompts = _prompts(anatomy)
        part = anatomy.part(function.owner or "")
        if part is None or not prompts:
            return function.code, 0
        own = prompts.get(part.name, set())
        if given := own - never_given(anatomy, part):
            place = next(iter(joined_after_update(function.code.tree)), function.code.tree)
            raise Unmatched(f"`{min(given)}` may be given, and its keys have no slots in the cache", place)
        below = [item for item in anatomy.path if item.name in prompts]
        hands_on = any(calls_of(anatomy, part, item, function.code.tree) for item in below)
        off = switches_left_off(part.cls, [anatomy.file.classes[name] for name in anatomy.reachable])

        def truth(test: ast.expr) -> bool | None:
            return False if hands_on and self_attribute(test) in off else none_comparison(test, own)

        code, decided = fold(function.code, truth)
        edits = Edits(code)
        for item in below:
            for call in calls_of(anatomy, part, item, code.tree):
                gone = [value for name, value in given_to(item, call).items() if name in prompts[item.name]]
                drop_arguments(edits, call, [one for one in arguments_of(call) if _value(one) in gone])
        drop_parameters(edits, own)
        left = edits.done()
        if used := own & left.names:
            raise Unmatched(f"`{min(used)}` is used outside a branch on it", left.tree)
        return left, decided


def _prompts(anatomy: Anatomy) -> dict[str, set[str]]:
    """For each class the parameters of its forward that are a prompt, or hand one on."""
    found: dict[str, set[str]] = {}
    for part in reversed(anatomy.path):
        own = set(joined_after_update(part.forward).values()) - {""}
        for below in (item for item in anatomy.path if item.name in found):
            for call in calls_of(anatomy, part, below, part.forward):
                values = [value for name, value in given_to(below, call).items() if name in found[below.name]]
                own |= {value.id for value in values if isinstance(value, ast.Name)} & set(parameters(part.forward))
        if own:
            found[part.name] = own
    return found


def _value(argument: ast.expr | ast.keyword) -> ast.expr:
    return argument.value if isinstance(argument, ast.keyword) else argument
