"""A layer that is handed its number in every call is handed the one that the loop over layers counts.

Layers that share weights keep no number of their own, nor do modules that keep their states on themselves upstream.
What they keep stands in the retained state at the place of the number that they are handed, so nothing between the
loop and the cache may change it.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.caches import cache_update
from qeff_codegen.anatomy.handed_on import BETWEEN, carried_by_kwargs
from qeff_codegen.anatomy.joined_pairs import joined_pair
from qeff_codegen.anatomy.modeling_file import bind, parameters
from qeff_codegen.anatomy.roles import INNERMOST, Role
from qeff_codegen.anatomy.vocabulary import LAYER_NUMBER
from qeff_codegen.codemod.tree import find, parents, spelled
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check


class LayerNumbersHandedOn(Check):
    promise = "A layer's number is its own, or the one that the loop over layers counts, handed on as it is."

    def broken(self, module: FinishedModule) -> list[Broken]:
        numbers = {
            update.args[2].id
            for part in module.anatomy.parts(Role.ATTENTION)
            if (update := cache_update(part.cls)) is not None and isinstance(update.args[2], ast.Name)
        }
        joins = any(joined_pair(part.cls) is not None for part in module.anatomy.parts(Role.ATTENTION))
        if joins or any(not part.cache_parameter for part in module.anatomy.parts(Role.STATE_MIXER)):
            numbers.add(LAYER_NUMBER)
        return [broken for number in sorted(numbers) for broken in _changed(number, module)]


def _changed(number: str, module: FinishedModule) -> list[Broken]:
    looping = Role.LAYER_STACK if module.anatomy.parts(Role.LAYER_STACK) else Role.MODEL
    found: list[Broken] = []
    for role in (looping, *(item for item in BETWEEN if item is not looping), *INNERMOST):
        for part in module.anatomy.parts(role):
            forward = module.method(part.name, "forward")
            if forward is None:
                continue
            counted = _counted(forward) if role is looping else []
            names = {number, *(node.id for node in counted)}
            stores = [node for node in find(ast.Name, forward) if node.id in names and isinstance(node.ctx, ast.Store)]
            found += [
                Broken(f"`{part.name}` changes the number of the layer: `{node.id}`", generated=node.lineno)
                for node in stores
                if node not in counted
            ]
            for call, callees in module.anatomy.calls(role, forward):
                wanted = _counted_around(call, forward) if role is looping else number
                found += [
                    Broken(f"`{part.name}` calls `{spelled(call.func)}` without `{number}`", generated=call.lineno)
                    for callee in callees
                    if _takes(callee, number, module) and not _is_given(call, callee, number, wanted, module)
                    if role is looping or not _carries(part, number, module)
                ]
    return found


def _counted(forward: ast.FunctionDef) -> list[ast.Name]:
    """What loops over `enumerate(...)`, from 0 on, count in."""
    targets = [_count_of(loop) for loop in find(ast.For, forward)]
    return [target for target in targets if target is not None]


def _count_of(loop: ast.For) -> ast.Name | None:
    call = loop.iter
    if isinstance(call, ast.Call) and spelled(call.func) == "enumerate" and isinstance(loop.target, ast.Tuple):
        if len(call.args) + len(call.keywords) == 1 and isinstance(loop.target.elts[0], ast.Name):
            return loop.target.elts[0]
    return None


def _counted_around(call: ast.Call, forward: ast.FunctionDef) -> str:
    """What the innermost loop around a call counts in; empty if it does not count."""
    above, node = parents(forward), call
    while node in above:
        node = above[node]  # type: ignore[assignment]
        if isinstance(node, ast.For):
            target = _count_of(node)
            return target.id if target is not None else ""
    return ""


def _takes(part: Part, number: str, module: FinishedModule) -> bool:
    """Whether a part needs the number: what reads and writes the cache by it, or what hands it on to that."""
    forward = module.method(part.name, "forward")
    if forward is None:
        return False
    names_it = number in parameters(forward) and any(node.id == number for node in find(ast.Name, forward))
    return names_it or _carries(part, number, module)


def _carries(part: Part, number: str, module: FinishedModule) -> bool:
    """Whether a part that lies between hands the number on in `**kwargs` to what needs it."""
    forward = module.method(part.name, "forward")
    if forward is None or part.role not in BETWEEN:
        return False
    callees = module.anatomy.candidates(part.role)
    needed = any(
        _takes(callee, number, module) for parts in callees.values() for callee in parts if callee is not part
    )
    return needed and carried_by_kwargs(forward, callees)(number)


def _is_given(call: ast.Call, callee: Part, number: str, wanted: str, module: FinishedModule) -> bool:
    forward = module.method(callee.name, "forward")
    given = bind(call, forward).get(number) if forward is not None else None
    return given is not None and spelled(given) == wanted
