"""Compute with the runtime's functions, which take a call of any length and leave its pads out.

Each computes what one of upstream's does, from the same arguments in the same order, with the whole call as one chunk:
there is no loop over tokens or chunks, and no padding to a chunk's size. It continues from the state that it is given,
where upstream's may start from zeros, and is told by `position_ids` which tokens are pads.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import bind
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.anatomy.state_functions import CONVOLUTION, ZEROES_PADS, calls_known
from qeff_codegen.codemod.calls import add_keywords, exchange_keywords
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned, bind_value
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import make
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all, match
from rewrite_rules.vocabulary import CACHE, pattern

# By the name of the runtime's function, what it takes by upstream's names; the state that it goes on from is the last.
TAKEN = {
    CONVOLUTION: ("hidden_states", "weight", "bias", "activation"),
    "gated_delta_rule": ("query", "key", "value", "g", "beta", "use_qk_l2norm_in_kernel", "initial_state"),
    "kimi_delta_attention": ("query", "key", "value", "g", "beta", "use_qk_l2norm_in_kernel", "initial_state"),
    "mamba2_scan": (
        *("hidden_states", "dt", "A", "B", "C", "D", "dt_bias", "dt_softplus", "dt_limit"),
        "initial_states",
    ),
    "mamba_scan": (
        *("hidden_states", "dt", "A", "B", "C", "D", "z", "delta_bias", "delta_softplus"),
        "initial_state",
    ),
}
# What chooses how upstream computes, or whether it returns the state, and no number.
NOT_TAKEN = {
    *("chunk_size", "use_mambapy", "use_associative_scan", "cu_seqlens", "seq_idx"),
    *("output_final_state", "return_final_states", "return_last_state"),
}
NOTHING = pattern("None")
STATE = pattern(f"$state = {CACHE}.get_recurrent_state(...)")
STACKED, GATHERED = pattern("torch.stack($states, dim=1)"), pattern("$states.append($_)")
VIEWED = pattern("$output.view(...)")
RETURNED = pattern("$result = $_(...)\n$taken = $result")


class CallsOfAnyLength(Rule):
    why = "The runtime's functions compute a call of any length as one chunk, and leave pads out."
    roles = (Role.STATE_MIXER,)
    construct = "a call of a function on states whose text is known, the one for many tokens, or of the runtime's own"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        edits, count = Edits(code), 0
        for call, known in calls_known(code.tree, anatomy.file):
            if known.computes == ZEROES_PADS or not code.has(call):
                continue
            if known.one_token:
                raise Unmatched(f"`{spelled(call.func)}` computes one token alone", call)
            _replace(edits, call, known.computes, anatomy.file.functions[spelled(call.func)])
            if known.computes != CONVOLUTION:
                _reshape_instead(edits, _take_apart(edits, call))
                _join_heads(edits, call)
            count += 1
        for call in code.nodes(ast.Call):
            if spelled(call.func) in TAKEN and spelled(call.func) not in anatomy.file.functions:
                if spelled(call.func) != CONVOLUTION:
                    add_keywords(edits, call, {"position_ids": "position_ids"})
                count += 1
        return edits.done(), count


def _replace(edits: Edits, call: ast.Call, ours: str, theirs: ast.FunctionDef) -> None:
    """Call the runtime's function with what it takes."""
    code, taken = edits.code, TAKEN[ours]
    given = bind(call, theirs)
    unknown = [
        name
        for name, value in given.items()
        if name not in taken and name not in NOT_TAKEN and match(NOTHING, value) is None
    ]
    by_place = [name for name, value in given.items() if value in call.args]
    if unknown or tuple(by_place) != taken[: len(by_place)]:
        what = f"`{unknown[0]}`" if unknown else "its arguments in another order"
        raise Unmatched(f"`{spelled(call.func)}` is given {what}, which `{ours}` does not take", call)
    gone = [item for item in call.keywords if item.arg not in taken or match(NOTHING, item.value) is not None]
    edits.replace(call.func, ours)
    added = {} if ours == CONVOLUTION else {"position_ids": "position_ids"}
    if ours != CONVOLUTION and taken[-1] not in given:
        states = find_all(STATE, code)
        if len(states) != 1:
            raise Unmatched(f"`{spelled(call.func)}` is given no state, and {len(states)} are read", call)
        added = {taken[-1]: _of_head(states[0].spelled("state"), call, code), **added}
    exchange_keywords(edits, call, gone, added)


def _of_head(state: str, call: ast.Call, code: Code) -> str:
    """A state, or the part of it that belongs to a head, where a loop goes through heads; there may be none yet."""
    heads = [spelled(node.target) for node in code.parents(call) if isinstance(node, ast.For)]
    return f"{state}[:, {heads[0]} : {heads[0]} + 1] if {state} is not None else None" if heads else state


def _join_heads(edits: Edits, call: ast.Call) -> None:
    """Join the states of heads, which keep their axis, where upstream stacks them."""
    code = edits.code
    if any(isinstance(node, ast.For) for node in code.parents(call)):
        gathered = {found.spelled("states") for found in find_all(GATHERED, code)}
        for found in find_all(STACKED, code):
            if found.spelled("states") in gathered:
                make(edits, found, "torch.cat($states, dim=1)")


def _take_apart(edits: Edits, call: ast.Call) -> ast.expr:
    """Bind output and state where they are made, if upstream names both at once first; what the output is bound to."""
    code = edits.code
    statement = code.statement_of(call)
    named = assigned(statement)
    if named is not None and named[1] is call:
        block = code.block_of(statement)
        at = next(index for index, item in enumerate(block) if item is statement)
        found = match(RETURNED, block[at : at + 2])
        reads = [node for node in code.nodes(ast.Name) if node.id == named[0] and isinstance(node.ctx, ast.Load)]
        if found is not None and isinstance(found["taken"], ast.Tuple) and len(reads) == 1:
            assert isinstance(statement, ast.Assign)
            bind_value(edits, statement, ", ".join(spelled(item) for item in found["taken"].elts))
            edits.remove(block[at + 1])
            return found["taken"].elts[0]
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    if not isinstance(target, ast.Tuple) or len(target.elts) != 2 or code.parent(call) is not statement:
        raise Unmatched(f"output and state of `{spelled(call.func)}` are not taken apart", call)
    return target.elts[0]


def _reshape_instead(edits: Edits, output: ast.expr) -> None:
    """Reshape an output that upstream views: it may lie in memory in another order."""
    for found in find_all(VIEWED, edits.code):
        call = found.node
        if spelled(found["output"]) == spelled(output):
            assert isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
            edits.replace(call.func, f"{spelled(output)}.reshape")
