"""Leave the cache where it is, where older files hand it back from the attention through every layer to the model.

An attention that returns the cache it was given, a layer that puts it behind its results, and a model that takes it
from the last of them all hold one object. The generated code returns it by a rule of its own; until then each part is
known by its other results, as in newer files, and what the model called the returned cache is the cache.
"""

from __future__ import annotations

import ast
from collections.abc import Collection

from qeff_codegen.anatomy.anatomy import Anatomy, Part
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned, read_instead, results_of, values_of
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all, match
from rewrite_rules.vocabulary import CACHE, pattern

# A layer adds the cache to its results, and a model takes it from those of each layer: the last one's stays.
HANDED_ON = pattern("if use_cache:\n    $outputs = $outputs + ($present,)")
TAKEN = (
    pattern("if use_cache:\n    $next = $results[$_]"),
    pattern("if use_cache:\n    $next = $next + ($results[$_],)"),
    pattern("if use_cache is True:\n    $next = $next + ($results[$_],)"),
)
# What else the model's name for it is bound to: nothing yet, or itself under another name.
NOTHING = pattern("{None, (), () if use_cache else None, [] if use_cache else None}")
SAME = pattern(
    "{$other if use_cache else None, $other.to_legacy_cache() if isinstance($other, Cache) else $other, $other}"
)


class CacheNotHandedBack(Rule):
    why = "Every part holds the same cache; what older files return beside their results is the one they were given."
    roles = (Role.MODEL, Role.LAYER_STACK, Role.DECODER_LAYER, Role.ATTENTION_WRAPPER, Role.ATTENTION)

    @property
    def construct(self) -> str:
        return (
            f"`return $output, $weights, {CACHE}` in an attention, `{HANDED_ON.shown}` in a layer, `{TAKEN[0].shown}`"
        )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        if function.role is Role.ATTENTION:
            return _returned_without(code, {CACHE})
        callees = anatomy.callees(function.role)
        if function.role in (Role.MODEL, Role.LAYER_STACK):
            return _kept_by_name(code, results_of(callees, code))
        code, presents = _taken_without(code, callees)
        return _handed_on_without(code, presents) if presents else (code, 0)


def _returned_without(code: Code, caches: Collection[str]) -> tuple[Code, int]:
    """A function that returns its other results, without a cache among them."""
    edits, count = Edits(code), 0
    for returned in code.nodes(ast.Return):
        value = returned.value
        kept = [item for item in value.elts if spelled(item) not in caches] if isinstance(value, ast.Tuple) else []
        if isinstance(value, ast.Tuple) and 0 < len(kept) < len(value.elts):
            text = ", ".join(code.segment(item) for item in kept)
            edits.replace(value, text if len(kept) > 1 else f"({text},)")
            count += 1
    return edits.done(), count


def _taken_without(code: Code, callees: dict[str, Part]) -> tuple[Code, set[str]]:
    """A layer that takes a part's results without the cache, and the names that it had for it."""
    edits, presents = Edits(code), set[str]()
    for node in code.nodes(ast.Assign):
        target, call = node.targets[0], node.value
        part = callees.get(spelled(call.func)) if isinstance(call, ast.Call) else None
        place = None if part is None else _place_of_cache(part)
        if place is None or not isinstance(target, ast.Tuple) or len(target.elts) <= place:
            continue
        kept = [item for index, item in enumerate(target.elts) if index != place]
        presents.add(spelled(target.elts[place]))
        edits.replace(target, ", ".join(code.segment(item) for item in kept))
    return edits.done(), presents


def _place_of_cache(part: Part) -> int | None:
    """Where among a part's results its cache stands, if it returns it in every place."""
    places = {
        next((index for index, item in enumerate(node.value.elts) if spelled(item) == part.cache_parameter), None)
        for node in find(ast.Return, part.forward)
        if isinstance(node.value, ast.Tuple)
    }
    return places.pop() if len(places) == 1 else None


def _handed_on_without(code: Code, presents: set[str]) -> tuple[Code, int]:
    """A layer that hands on nothing under the names that it had for the cache."""
    edits = Edits(code)
    for found in find_all(HANDED_ON, code):
        if found.spelled("present") in presents:
            edits.remove(found.statements[0])
    left, count = _returned_without(edits.done(), presents)
    other = next((node for node in left.nodes(ast.Name) if node.id in presents - {"_", CACHE}), None)
    if other is not None:
        raise Unmatched(f"`{other.id}`, the cache that a part hands back, is used otherwise", code.tree)
    return left, count + 1


def _kept_by_name(code: Code, results: Collection[str]) -> tuple[Code, int]:
    """A model that knows the cache that its layers hand back by the cache's own name."""
    edits = Edits(code)
    taken = [found for form in TAKEN for found in find_all(form, code) if found.name("results") in results]
    names = {found.name("next") for found in taken}
    for found in taken:
        edits.remove(found.statements[0])
    inside = {node for found in taken for node in ast.walk(found.node)}
    while more := _also_called(code, names) - names:
        names |= more
    for node in code.nodes(ast.Assign):
        named = assigned(node)
        if named is None or named[0] not in names or node in inside:
            continue
        if match(NOTHING, named[1]) is None and not _is_same(named[1], names):
            raise Unmatched(f"`{named[0]}`, the cache that layers hand back, is something else too", node)
        edits.remove(node)
    edits = Edits(edits.done())
    for name in sorted(names):
        read_instead(edits, name, CACHE)
    return edits.done(), len(taken)


def _also_called(code: Code, names: Collection[str]) -> set[str]:
    """Names that are bound to one of some names, or to nothing, and to nothing else."""
    found = set[str]()
    for node in code.nodes(ast.Assign):
        named = assigned(node)
        if named is not None and _is_same(named[1], names) and named[0] != CACHE:
            values = [item for item in values_of(named[0], code) if isinstance(item, ast.expr)]
            if all(match(NOTHING, item) is not None or _is_same(item, names) for item in values):
                found.add(named[0])
    return found


def _is_same(value: ast.expr, names: Collection[str]) -> bool:
    found = match(SAME, value)
    return found is not None and found.name("other") in names
