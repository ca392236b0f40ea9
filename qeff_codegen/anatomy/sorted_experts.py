"""Recognise experts that are given their tokens sorted by expert, in four kinds of classes.

A router sorts the choices of all tokens by expert and counts those of each; a dispatcher gathers the tokens in that
order; an expert projection multiplies each expert's stretch of rows with that expert's weight. Between a dispatcher
and the projections a module may stand that carries rows and sizes to them.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, parameters, self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.tree import find, spelled


def find_sorted_experts(file: ModelingFile, reachable: tuple[str, ...]) -> tuple[Part, ...]:
    """The reachable projections, the routers that sort for them, the classes that call a projection or its carrier."""
    classes = [file.classes[name] for name in reachable]
    projections = {cls.name for cls in classes if _multiplies_stretches(file, cls)}
    if not projections:
        return ()
    carriers = {cls.name for cls in classes if _carries(cls, projections, classes)}
    found: list[Part] = []
    for cls in classes:
        if cls.name in projections:
            because = "its forward multiplies each expert's stretch of rows with that expert's weight"
            found.append(Part(Role.EXPERT_PROJECTION, cls, (because,)))
        elif _sorts_and_counts(cls):
            found.append(Part(Role.EXPERT_ROUTER, cls, ("its forward sorts the tokens' choices by expert",)))
        elif cls.name in carriers:
            because = "its forward hands rows and each expert's number of them to projections"
            found.append(Part(Role.EXPERT_CARRIER, cls, (because,)))
        elif calling := tuple(
            name for name, method in cls.methods.items() if _calls_any(cls, method, projections | carriers)
        ):
            because = f"`{calling[0]}` gathers the tokens sorted by expert"
            found.append(Part(Role.EXPERT_DISPATCHER, cls, (because,), entries=calling))
    return tuple(found)


def _multiplies_stretches(file: ModelingFile, cls: ModelingClass) -> bool:
    """Whether forward takes rows and the experts' sizes, and loops over a fixed number of experts with one weight."""
    if cls.forward is None or len(parameters(cls.forward)) != 2 or "weight" not in cls.assigned:
        return False
    called = (spelled(call.func) for call in find(ast.Call, cls.forward))
    functions = [cls.forward, *(file.functions[name] for name in called if name in file.functions)]
    return any(
        isinstance(loop.iter, ast.Call) and spelled(loop.iter.func) == "range"
        for function in functions
        for loop in find(ast.For, function)
    )


def _carries(cls: ModelingClass, projections: set[str], classes: Sequence[ModelingClass]) -> bool:
    """Whether forward takes rows and sizes and hands both to projections, for a class that sorts rows by `argsort`."""
    if cls.forward is None or len(parameters(cls.forward)) != 2 or not _calls_any(cls, cls.forward, projections):
        return False
    calling = [
        other for other in classes for method in other.methods.values() if _calls_any(other, method, {cls.name})
    ]
    return any(_sorts(other) for other in calling) and not _sorts(cls)


def _sorts(cls: ModelingClass) -> bool:
    return any(spelled(call.func) == "torch.argsort" for call in find(ast.Call, cls.forward))


def _sorts_and_counts(cls: ModelingClass) -> bool:
    called = {call.func.attr for call in find(ast.Call, cls.forward) if isinstance(call.func, ast.Attribute)}
    return {"sort", "tolist"} <= called


def _calls_any(cls: ModelingClass, method: ast.FunctionDef, names: set[str]) -> bool:
    attributes = {attribute for attribute, built in cls.built.items() if names & set(built)}
    return any(self_attribute(call.func) in attributes for call in find(ast.Call, method))
