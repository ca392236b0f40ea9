"""Read the states first, and ask them whether there was a call before.

Releases up to 5.20 ask the cache, and take a layer's states out of its lists where there was a call. Newer ones read
the states in front of all else; one that is none says that there was no call.

    was_called = cache is not None and cache.has_previous_state(layer)
    ...
    if was_called:
        conv_state = cache.layers[layer].conv_states[0]
        recurrent_state = cache.layers[layer].recurrent_states[0]
    if was_called and seq_len == 1 and not cache.layers[layer].record_past:
        out = update(x, conv_state)
    ...
    out = chunks(x, recurrent_state if was_called else None)

becomes

    conv_state = cache.get_conv_state(layer, state_idx=0)
    recurrent_state = cache.get_recurrent_state(layer, state_idx=0)
    ...
    if conv_state is not None and seq_len == 1 and not cache.is_recording_past(layer):
        out = update(x, conv_state)
    ...
    out = chunks(x, recurrent_state)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned, values_of
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import Match, match
from rewrite_rules.vocabulary import CACHE, pattern

# The last asks the last layer that keeps a state, which is called in every call, as all of them are.
_OF_LAYER = f"{CACHE} is not None and {CACHE}.has_previous_state($layer"
ASKED = pattern(f"{{{_OF_LAYER}), {_OF_LAYER}, state_idx=0), $given and {CACHE}.has_previous_state()}}")
GIVEN = pattern(f"{CACHE} is not None")
KINDS = {
    "conv_state": pattern(f"{CACHE}.layers[$layer].conv_states[0]"),
    "recurrent_state": pattern(f"{CACHE}.layers[$layer].recurrent_states[0]"),
}
IF_CALLED = pattern("$state if $asked else None")
ONE_TOKEN = pattern(f"{{$asked and $tokens == 1, $asked and $tokens == 1 and not {CACHE}.layers[$layer].record_past}}")
WRITES = {
    "conv_state": pattern(f"{CACHE}.update_conv_state(...)"),
    "recurrent_state": pattern(f"{CACHE}.update_recurrent_state(...)"),
}


@dataclass(frozen=True)
class _Read:
    """A statement that takes a layer's state out of the cache.

    Attributes:
        name: what the state is called.
        kind: `conv_state` or `recurrent_state`.
        found: where the state is taken, `$layer` is the layer's number.
    """

    statement: ast.Assign
    name: str
    kind: str
    found: Match


class StatesReadFirst(Rule):
    why = "The state says whether there was a call before; newer releases read it in front of all else."
    roles = (Role.STATE_MIXER,)
    names = ("has_previous_state",)

    @property
    def construct(self) -> str:
        kinds = " or ".join(f"`$state = {kind.shown}`" for kind in KINDS.values())
        return f"`$asked = {ASKED.shown}`, and where that is true {kinds}"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        asking = _asking(code) if function.is_forward else None
        reads = list(_reads(code, asking[0])) if asking is not None else []
        if asking is None or not reads or not _may_come_first(reads, asking[0], code):
            return code, 0
        asked, statement = asking
        edits, known = Edits(code), [read.name for read in reads]
        answered = set[ast.AST]()
        for node in code.nodes(ast.IfExp):
            found = match(IF_CALLED, node)
            if found is not None and found.name("asked") == asked and found.name("state") in known:
                edits.replace(node, found.name("state"))
                answered.update(ast.walk(node))
        for branch in code.nodes(ast.If):
            found = match(ONE_TOKEN, branch.test)
            state = _state_of(branch, known)
            if found is not None and found.name("asked") == asked and state is not None:
                edits.replace(branch.test, _asks_state(found, state))
                answered.update(ast.walk(branch.test))
        for part in dict.fromkeys(_whole(read, code, asked) for read in reads):
            edits.remove(part)
            answered.update(ast.walk(part))
        if any(
            node.id == asked and isinstance(node.ctx, ast.Load) and node not in answered
            for node in code.nodes(ast.Name)
        ):
            return code, 0
        first = sorted(reads, key=lambda read: read.kind)
        edits.replace_statement(
            statement,
            "".join(
                f"{read.name} = {CACHE}.get_{read.kind}({read.found.spelled('layer')}, state_idx=0)\n"
                for read in first
            ),
        )
        return edits.done(), 1 + len(reads)


def _asking(code: Code) -> tuple[str, ast.Assign] | None:
    """The name that says whether there was a call before, and the statement that binds it, if there is one."""
    for statement in code.nodes(ast.Assign):
        named = assigned(statement)
        found = match(ASKED, named[1]) if named is not None else None
        if named is None or found is None or len(values_of(named[0], code)) != 1 or statement not in code.body:
            continue
        given = values_of(found.name("given"), code) if "given" in found.bound else []
        known = [isinstance(value, ast.expr) and match(GIVEN, value) is not None for value in given]
        if "given" not in found.bound or known == [True]:
            return named[0], statement
    return None


def _reads(code: Code, asked: str) -> Iterator[_Read]:
    """Every statement that takes a state out of the cache where there was a call before."""
    for statement in code.nodes(ast.Assign):
        named = assigned(statement)
        if named is None:
            continue
        chosen = match(IF_CALLED, named[1])
        value = chosen["state"] if chosen is not None and chosen.name("asked") == asked else named[1]
        for kind, taken in KINDS.items():
            found = match(taken, value)
            if found is not None:
                yield _Read(statement, named[0], kind, found)


def _may_come_first(reads: list[_Read], asked: str, code: Code) -> bool:
    """Whether what is read in front of all else is the same.

    So it is where each state is the layer's own and is read once, after a call before, and before it is written.
    """
    if len({read.kind for read in reads}) < len(reads) or any(len(values_of(read.name, code)) != 1 for read in reads):
        return False
    own = all((self_attribute(read.found["layer"]) or "").startswith("layer_i") for read in reads)
    late = any(
        match(WRITES[read.kind], call) is not None and call.lineno < read.statement.lineno
        for read in reads
        for call in code.nodes(ast.Call)
    )
    return own and not late and all(_is_answered(read.statement, asked, code) for read in reads)


def _is_answered(statement: ast.Assign, asked: str, code: Code) -> bool:
    """Whether a statement reads only where there was a call before."""
    branch = code.parent(statement)
    if isinstance(statement.value, ast.IfExp):
        return statement in code.body
    if not isinstance(branch, ast.If) or statement not in branch.body or branch not in code.body:
        return False
    found = match(ONE_TOKEN, branch.test)
    return (found.name("asked") if found is not None else spelled(branch.test)) == asked


def _state_of(branch: ast.If, known: list[str]) -> str | None:
    """The one of some states that the text for one token goes on from."""
    read = {
        node.id for statement in branch.body for node in find(ast.Name, statement) if isinstance(node.ctx, ast.Load)
    }
    states = [name for name in known if name in read]
    return states[0] if len(states) == 1 else None


def _asks_state(found: Match, state: str) -> str:
    recording = f" and not {CACHE}.is_recording_past({found.spelled('layer')})" if "layer" in found.bound else ""
    return f"{state} is not None and {found.spelled('tokens')} == 1{recording}"


def _whole(read: _Read, code: Code, asked: str) -> ast.stmt:
    """The branch that does nothing but read states, or the one statement that reads this one."""
    branch = code.parent(read.statement)
    if isinstance(branch, ast.If) and isinstance(branch.test, ast.Name) and branch.test.id == asked:
        taken = (assigned(item) if isinstance(item, ast.Assign) else None for item in branch.body)
        alone = all(named is not None and any(match(kind, named[1]) for kind in KINDS.values()) for named in taken)
        if alone and not branch.orelse:
            return branch
    return read.statement
