"""Attention, state mixer and decoder layer return the cache, and whoever calls them takes it."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.layer_stacks import stacks_return_states
from qeff_codegen.anatomy.roles import INNERMOST, Role
from qeff_codegen.anatomy.vocabulary import CACHE
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check

# What the field of an output object is called, release by release.
FIELDS = (CACHE, "cache")


class CacheReturned(Check):
    promise = "Attention and decoder layer return the cache; their callers take it."

    def broken(self, module: FinishedModule) -> list[Broken]:
        found: list[Broken] = []
        alone = stacks_return_states(module.anatomy)
        with_states = (Role.LAYER_STACK,) if alone else ()
        for role in (*INNERMOST, Role.ATTENTION_WRAPPER, Role.DECODER_LAYER, *with_states):
            for part in module.anatomy.parts(role):
                forward = module.method(part.name, "forward")
                returns = find(ast.Return, forward)
                if not returns or not all(_ends_with_cache(node.value) for node in returns):
                    found.append(Broken(f"`{part.name}` does not return the cache", part.forward.lineno))
        stacks = module.anatomy.parts(Role.LAYER_STACK)
        outside = Role.LAYER_STACK if stacks else Role.MODEL
        for part in (*(stacks if not alone else ()), *(module.anatomy.parts(Role.MODEL) if stacks else ())):
            forward = module.method(part.name, "forward")
            returns = find(ast.Return, forward)
            if not returns or not all(_holds_cache(node.value) for node in returns):
                found.append(Broken(f"`{part.name}` does not return the cache", part.forward.lineno))
        taking = (outside, Role.DECODER_LAYER, Role.ATTENTION_WRAPPER, Role.ATTENTION)
        for role in (Role.MODEL, *taking) if alone else taking:
            for part in module.anatomy.parts(role):
                forward = module.method(part.name, "forward")
                taken = [item.value for item in find(ast.Assign, forward) if _ends_with_cache(item.targets[0])]
                found += [
                    Broken(
                        f"`{part.name}` does not take the cache that `{spelled(call)[:60]}` returns",
                        generated=call.lineno,
                    )
                    for call, _ in (module.anatomy.calls(role, forward) if forward is not None else ())
                    if call not in taken
                ]
        return found


def _holds_cache(value: ast.expr | None) -> bool:
    """Whether an output object is made with the cache."""
    keywords = value.keywords if isinstance(value, ast.Call) else []
    return any(item.arg in FIELDS and spelled(item.value) == CACHE for item in keywords)


def _ends_with_cache(value: ast.expr | None) -> bool:
    if not isinstance(value, ast.Tuple) or not value.elts:
        return False
    last = value.elts[-1]
    return isinstance(last, ast.Name) and last.id == CACHE
