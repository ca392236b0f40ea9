"""A layer that is handed its number in every call is handed the one that the loop over layers counts.

Layers that share weights keep no number of their own. What they keep stands in the retained state at the place of the
number that they are handed, so nothing between the loop and the cache may change it.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.caches import cache_update
from qeff_codegen.anatomy.joined_pairs import LAYER_NUMBER, joined_pair
from qeff_codegen.anatomy.modeling_file import bind, parameters
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check

BETWEEN = (Role.DECODER_LAYER, Role.ATTENTION_WRAPPER)


class LayerNumbersHandedOn(Check):
    promise = "A layer's number is its own, or the one that the loop over layers counts, handed on as it is."

    def broken(self, module: FinishedModule) -> list[Broken]:
        numbers = {
            update.args[2].id
            for part in module.anatomy.parts(Role.ATTENTION)
            if (update := cache_update(part.cls)) is not None and isinstance(update.args[2], ast.Name)
        }
        joins = [part for part in module.anatomy.parts(Role.ATTENTION) if joined_pair(part.cls) is not None]
        numbers |= {LAYER_NUMBER} if joins else set()
        return [broken for number in sorted(numbers) for broken in _changed(number, module)]


def _changed(number: str, module: FinishedModule) -> list[Broken]:
    looping = Role.LAYER_STACK if module.anatomy.parts(Role.LAYER_STACK) else Role.MODEL
    found: list[Broken] = []
    for role in (looping, *BETWEEN):
        for part in module.anatomy.parts(role):
            forward = module.method(part.name, "forward")
            if forward is None:
                continue
            counted = _counted(forward) if role is looping else set()
            names = {number, *map(spelled, counted)}
            stores = [node for node in find(ast.Name, forward) if node.id in names and isinstance(node.ctx, ast.Store)]
            found += [
                Broken(f"`{part.name}` changes the number of the layer: `{node.id}`", generated=node.lineno)
                for node in stores
                if node not in counted
            ]
            for call, callees in module.anatomy.calls(role, forward):
                found += [
                    Broken(f"`{part.name}` calls `{spelled(call.func)}` without `{number}`", generated=call.lineno)
                    for callee in callees
                    if _takes(callee, number, module) and not names & _given(call, callee, number, module)
                ]
    return found


def _counted(forward: ast.FunctionDef) -> set[ast.AST]:
    """What loops over `enumerate(...)`, from 0 on, count in."""
    found: set[ast.AST] = set()
    for loop in find(ast.For, forward):
        call = loop.iter
        if isinstance(call, ast.Call) and spelled(call.func) == "enumerate" and isinstance(loop.target, ast.Tuple):
            if len(call.args) + len(call.keywords) == 1:
                found.add(loop.target.elts[0])
    return found


def _takes(part: Part, number: str, module: FinishedModule) -> bool:
    """Whether a part needs the number: an attention, or what hands it on to one."""
    forward = module.method(part.name, "forward") or part.forward
    return number in parameters(forward) and any(node.id == number for node in find(ast.Name, forward))


def _given(call: ast.Call, callee: Part, number: str, module: FinishedModule) -> set[str]:
    """What a call gives for the number."""
    forward = module.method(callee.name, "forward")
    given = bind(call, forward).get(number) if forward is not None else None
    return {spelled(given)} if given is not None else set()
