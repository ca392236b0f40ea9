"""Each layer goes through its state mixer at most once in a call.

A layer's states stand at its number, each read and written once by the mixer's forward. A mixer that is called
again, or a second one of the same layer, goes on from what the first call has written: its window then holds the
columns of the call twice, and its state has taken every token twice. Calls on two ways that exclude each other are
one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import combinations

from qeff_codegen.anatomy.anatomy import Anatomy, Part
from qeff_codegen.anatomy.roles import INNERMOST, Role
from qeff_codegen.codemod.tree import find, line_of, parents, spelled
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check

# What runs its body more than once, or when it likes.
REPEATS = (
    ast.For,
    ast.While,
    ast.comprehension,
    ast.Lambda,
    ast.ListComp,
    ast.GeneratorExp,
    ast.SetComp,
    ast.DictComp,
)
ENDS = (ast.Return, ast.Raise, ast.Continue)


class MixersCalledOnce(Check):
    promise = "Each layer goes through its state mixer at most once in a call."

    def broken(self, module: FinishedModule) -> list[Broken]:
        anatomy = module.anatomy
        if not anatomy.parts(Role.STATE_MIXER):
            return []
        looping = Role.LAYER_STACK if anatomy.parts(Role.LAYER_STACK) else Role.MODEL
        keeping = _coming_to_mixers(anatomy)
        found: list[Broken] = []
        for role in (looping, Role.DECODER_LAYER, Role.ATTENTION_WRAPPER, *INNERMOST):
            for part in anatomy.parts(role):
                forward = module.method(part.name, "forward")
                if forward is None:
                    continue
                calls = _calls(part, forward, anatomy, keeping)
                # The layers are in a loop, and each passes through it once.
                loops = 1 if role is looping else 0
                found += [
                    Broken(f"`{part.name}` {what}", generated=line_of(call, forward))
                    for what, call in (*_repeated(calls, forward, loops), *_one_after_another(calls, forward))
                ]
        return found


def _calls(part: Part, forward: ast.FunctionDef, anatomy: Anatomy, keeping: set[str]) -> list[ast.Call]:
    """The calls by which a part comes to a state mixer, directly or through other parts, in the order of the file."""
    names = _names(part, anatomy, keeping)
    known = {call for call, _ in anatomy.calls(part.role, forward)}
    calls = [
        call
        for call in find(ast.Call, forward)
        if (call in known and spelled(call.func) in names)
        or (isinstance(call.func, ast.Attribute) and call.func.attr == "forward" and spelled(call.func.value) in names)
    ]
    return sorted(calls, key=lambda call: (call.lineno, call.col_offset))


def _names(part: Part, anatomy: Anatomy, keeping: set[str]) -> set[str]:
    """How a part spells the calls of what comes to a state mixer."""
    candidates = anatomy.candidates(part.role)
    return {name for name, others in candidates.items() if any(other.name in keeping for other in others)}


def _coming_to_mixers(anatomy: Anatomy) -> set[str]:
    """The state mixers, and all parts whose forward calls one, directly or not."""
    keeping = {part.name for part in anatomy.parts(Role.STATE_MIXER)}
    while True:
        more = {
            part.name
            for part in anatomy.path
            if part.name not in keeping
            and any(spelled(call.func) in _names(part, anatomy, keeping) for call in find(ast.Call, part.forward))
        }
        if not more:
            return keeping
        keeping |= more


def _repeated(calls: list[ast.Call], forward: ast.FunctionDef, loops: int) -> Iterator[tuple[str, ast.Call]]:
    """Calls in more loops than there may be."""
    above = parents(forward)
    for call in calls:
        around = [node for node in _around(call, above) if isinstance(node, REPEATS)]
        if len(around) > loops:
            yield f"calls `{spelled(call.func)}`, which keeps a state, in a loop", call


def _one_after_another(calls: list[ast.Call], forward: ast.FunctionDef) -> Iterator[tuple[str, ast.Call]]:
    """Calls that run after another one in the same call of the layer."""
    above = parents(forward)
    later = [second for first, second in combinations(calls, 2) if not _exclude(first, second, above)]
    for call in dict.fromkeys(later):
        yield f"calls `{spelled(call.func)}` after another call that keeps the layer's state", call


def _exclude(first: ast.Call, second: ast.Call, above: dict[ast.AST, ast.AST]) -> bool:
    """Whether at most one of two calls runs: on two sides of a condition, or where one side ends the function."""
    around = {node: inner for inner, node in _steps(second, above)}
    for inner, node in _steps(first, above):
        if not isinstance(node, (ast.If, ast.IfExp)) or inner is node.test:
            continue
        other = around.get(node)
        body, orelse = _either(node.body), _either(node.orelse)
        if other is not None and other is not node.test and (inner in body) is not (other in body):
            return True
        side = body if inner in body else orelse
        if other is None and isinstance(side[-1], ENDS):
            return True
    return False


def _steps(node: ast.AST, above: dict[ast.AST, ast.AST]) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Each node around another one, with the one below it on the way."""
    while node in above:
        yield node, above[node]
        node = above[node]


def _around(node: ast.AST, above: dict[ast.AST, ast.AST]) -> list[ast.AST]:
    return [outer for _, outer in _steps(node, above)]


def _either(branch: Sequence[ast.AST] | ast.expr) -> Sequence[ast.AST]:
    """The statements of one way of an `if`, or the one expression that it is."""
    return [branch] if isinstance(branch, ast.AST) else branch
