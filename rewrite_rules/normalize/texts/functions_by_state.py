"""Choose between a function's forms by the state, and let both go on from it.

Older releases ask whether there was a call before, then read the state, and start a call of several tokens from
nothing. Newer ones read the state first, and choose the form for one token where there is one.

    if was_called:                                   recurrent_state = cache.get_recurrent_state(layer)
        recurrent_state = cache.layers[layer]...     ...
    ...                                           -> if recurrent_state is not None and seq_len == 1:
    if not was_called:                                   out, state = step(..., initial_state=recurrent_state)
        out, state = chunks(..., initial_state=None) else:
    else:                                                out, state = chunks(..., initial_state=recurrent_state)
        out, state = step(..., initial_state=recurrent_state)
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingFile, bind
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.anatomy.state_functions import StateFunction, calls_known
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits, block_text
from qeff_codegen.codemod.names import assigned, values_of
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import match
from rewrite_rules.normalize.texts._earlier_calls import (
    Branch,
    branches,
    tokens_of,
)
from rewrite_rules.vocabulary import CACHE, pattern

STATES, COLUMNS = pattern(f"{CACHE}.layers[$layer].recurrent_states"), pattern(f"{CACHE}.layers[$layer].conv_states")
NOTHING = pattern("None")
GIVEN = "initial_state"


class FunctionsByState(Rule):
    why = "The state says whether there was a call before, and every call goes on from it."
    roles = (Role.STATE_MIXER,)
    names = ("has_previous_state",)
    construct = f"`if <there was a call before>: $state = {STATES}`, and a branch that calls a function's two forms"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        tokens = tokens_of(code)
        if not function.is_forward or tokens is None:
            return code, 0
        found = list(branches(code))
        reading = {item.node: read for item in found if (read := _read(item)) is not None}
        edits, count = Edits(code), 0
        for branch in found:
            given = _given(branch, anatomy.file)
            state = spelled(given[0]) if given is not None else ""
            if (
                given is None
                or not any(state in read for read in reading.values())
                or len(values_of(state, code)) != 1
            ):
                continue
            edits.replace(given[1], state)
            one, many = (block_text(list(map(edits.statement_text, side))) for side in (branch.one, branch.many))
            edits.replace_statement(branch.node, f"if {state} is not None and {tokens} == 1:\n{one}else:\n{many}")
            count += 1
        for node, read in reading.items() if count else ():
            edits.replace_statement(node, "".join(f"{name} = {value}\n" for name, value in read.items()))
        return edits.done(), count


def _read(branch: Branch) -> dict[str, str] | None:
    """What a branch reads of the layer's part of the cache, by names, states first, if it does nothing else."""
    found: dict[str, str] = {}
    for statement in branch.one:
        named = assigned(statement)
        states, columns = (match(read, named[1]) if named is not None else None for read in (STATES, COLUMNS))
        read = states or columns
        if named is None or read is None or read.spelled("layer") != branch.layer:
            return None
        asked = "get_recurrent_state" if states is not None else "get_conv_state"
        found[named[0]] = f"{CACHE}.{asked}({branch.layer})"
    first = sorted(found, key=lambda name: "get_conv_state" in found[name])
    return None if branch.many else {name: found[name] for name in first}


def _given(branch: Branch, file: ModelingFile) -> tuple[ast.Name, ast.expr] | None:
    """The state that the form for one token is given, and the nothing that the form for many is given in its place."""
    one, many = _only_call(branch.one, file), _only_call(branch.many, file)
    if one is None or many is None or not one[1].one_token or many[1].one_token:
        return None
    states = [bind(call, file.functions[spelled(call.func)]).get(GIVEN) for call in (one[0], many[0])]
    if not isinstance(states[0], ast.Name) or states[1] is None or match(NOTHING, states[1]) is None:
        return None
    return states[0], states[1]


def _only_call(statements: list[ast.stmt], file: ModelingFile) -> tuple[ast.Call, StateFunction] | None:
    """The one call of a function that takes a state through tokens."""
    known = [item for statement in statements for item in calls_known(statement, file)]
    return known[0] if len(known) == 1 else None
