"""Each state of a state mixer is read once, before it is written once, in every call, by row and position.

A state that is written twice, or under a condition, or read after it was written, is another one in the next call. Its
reading and writing are told positions and batch index, or a row would go on from another row's state, and pads would
count as tokens. What it goes on from is what was read, and what is written is what came out of the same function.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from qeff_codegen.anatomy.caches import is_layer_index
from qeff_codegen.anatomy.lengths import lengths_of
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.anatomy.state_functions import CONVOLUTION, TEXTS, known_function
from qeff_codegen.anatomy.vocabulary import CACHE, POSITIONS
from qeff_codegen.codemod.tree import find, line_of, parents, spelled
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check

CONV, READ, WRITE = "update_conv_state", "get_recurrent_state", "update_recurrent_state"
# Where each takes the layer's number; what it is told stands behind it.
INDEX = {CONV: 1, READ: 0, WRITE: 1}
TOLD = {POSITIONS: POSITIONS, "batch_index": "batch_index"}
# What a state goes through: upstream's functions whose texts are known, and what upstream writes out where it is used.
WRITTEN_OUT = {"lightning_attention", "linear_recurrence", "delayed_by_one"}
COMPUTED = {function.computes for function in TEXTS.values()} - {CONVOLUTION} | WRITTEN_OUT
STATES = {"initial_state", "initial_states"}


class StatesKeptOnce(Check):
    promise = "Each state is read once, before it is written once, unconditionally, with position_ids and batch_index."

    def broken(self, module: FinishedModule) -> list[Broken]:
        found: list[Broken] = []
        for part in module.anatomy.parts(Role.STATE_MIXER):
            forward = module.method(part.name, "forward")
            if forward is None:
                found.append(Broken(f"`{part.name}` is not generated", part.forward.lineno))
                continue
            found += [
                Broken(f"`{part.name}` {what}", generated=line_of(node, forward))
                for what, node in (
                    *_miscounted(forward),
                    *_told_otherwise(forward),
                    *_carried_on_otherwise(forward),
                    *_of_one_token(forward, module),
                )
            ]
        return found


def _calls(forward: ast.FunctionDef, name: str) -> list[ast.Call]:
    return [call for call in find(ast.Call, forward) if spelled(call.func) == f"{CACHE}.{name}"]


def _miscounted(forward: ast.FunctionDef) -> Iterator[tuple[str, ast.AST]]:
    """What is read or written otherwise than once, in order, and in every call."""
    counts = {name: _calls(forward, name) for name in INDEX}
    for name, calls in counts.items():
        if len(calls) > 1:
            yield f"calls `{name}` {len(calls)} times", calls[1]
        for call in calls:
            if not isinstance(_holder(call, forward), ast.FunctionDef):
                yield f"calls `{name}` under a condition, or in a loop", call
    if len(counts[READ]) != len(counts[WRITE]):
        yield "does not write the state that it reads, or does not read it", forward
    for call in counts[READ]:
        if any(call.lineno > write.lineno for write in counts[WRITE]):
            yield "reads its state after it was written", call
    if not counts[CONV] and not counts[WRITE]:
        yield "writes no state", forward


def _holder(call: ast.Call, forward: ast.FunctionDef) -> ast.AST:
    """What holds the statement that a call is, or whose value it is; the call itself for one inside an expression."""
    above = parents(forward)
    statement = above[call]
    whole = isinstance(statement, (ast.Assign, ast.Expr)) and statement.value is call
    return above[statement] if whole else call


def _told_otherwise(forward: ast.FunctionDef) -> Iterator[tuple[str, ast.AST]]:
    """Calls on the cache that are told something else than this layer, positions and batch index."""
    notes = [
        (spelled(node.targets[0]), node)
        for node in forward.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
    ]
    for name, at in INDEX.items():
        for call in _calls(forward, name):
            index, beside = (call.args[place] if len(call.args) > place else None for place in (at, at + 1))
            if index is None or not is_layer_index(index, forward):
                yield f"calls `{name}` for another layer's state", call
            told = [node for target, node in notes if beside is not None and target == spelled(beside)]
            if len(told) != 1 or told[0].lineno > call.lineno or _entries(told[0].value) != TOLD:
                yield f"does not tell `{name}` position_ids and batch_index", call


def _entries(mapping: ast.expr) -> dict[str, str]:
    assert isinstance(mapping, ast.Dict)
    return {
        str(key.value): spelled(value)
        for key, value in zip(mapping.keys, mapping.values, strict=True)
        if isinstance(key, ast.Constant)
    }


def _carried_on_otherwise(forward: ast.FunctionDef) -> Iterator[tuple[str, ast.AST]]:
    """Where a recurrence does not go on from the state that was read, or another one than its own is written."""
    reads = _calls(forward, READ)
    read = {
        spelled(target)
        for node in find(ast.Assign, forward)
        if node.value in reads
        for target in _names(node.targets[0])
    }
    computing = [call for call in find(ast.Call, forward) if spelled(call.func) in COMPUTED]
    for call in computing:
        given = {item.arg: item.value for item in call.keywords}
        states = [value for name, value in given.items() if name in STATES]
        if len(states) != 1 or not {item.id for item in find(ast.Name, states[0])} & read:
            yield f"does not let `{spelled(call.func)}` go on from the state that it read", call
        if POSITIONS not in given or spelled(given[POSITIONS]) != POSITIONS:
            yield f"does not tell `{spelled(call.func)}` which tokens are pads", call
    made = _made_by(forward, computing)
    for call in _calls(forward, WRITE):
        if not call.args or not {item.id for item in find(ast.Name, call.args[0])} & made:
            yield "writes another state than the one that it computed", call


def _made_by(forward: ast.FunctionDef, computing: list[ast.Call]) -> set[str]:
    """Names of the states that functions of the runtime return, and of what these are gathered in."""
    made = {
        spelled(target.elts[1])
        for node in find(ast.Assign, forward)
        if node.value in computing and isinstance(target := node.targets[0], ast.Tuple) and len(target.elts) == 2
    }
    gathered = {
        spelled(call.func.value)
        for call in find(ast.Call, forward)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "append" and spelled(call.args[0]) in made
    }
    joined = {
        spelled(node.targets[0])
        for node in find(ast.Assign, forward)
        if {item.id for item in find(ast.Name, node.value)} & gathered
    }
    return made | joined


def _names(target: ast.expr) -> list[ast.expr]:
    return list(target.elts) if isinstance(target, ast.Tuple) else [target]


def _of_one_token(forward: ast.FunctionDef, module: FinishedModule) -> Iterator[tuple[str, ast.AST]]:
    """What is left of upstream's functions on states, and of what hangs on the number of tokens."""
    for name in find(ast.Name, forward):
        if known_function(name.id, module.anatomy.file) is not None:
            yield f"computes by upstream's `{name.id}`, which is made for one token, or lets pads count", name
    lengths = lengths_of(forward)
    for node in find(ast.Compare, forward):
        if any(lengths.counts_new(item) for item in (node.left, *node.comparators)):
            yield f"decides by the number of tokens: `{spelled(node)}`", node
