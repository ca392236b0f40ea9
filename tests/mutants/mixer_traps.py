"""Mutators aimed at how a module mixes tokens by a state: window, pads, branches, and what its functions are given."""

from __future__ import annotations

import ast
import random

from tests.mutants.edits import Edit, FunctionNode, Text, expressions, simple_statements, walk
from tests.mutants.state_traps import keeps_state

MASK = "attention_mask"
# Arguments of functions on states, by the names that upstream gives them.
_GIVEN = frozenset(
    {
        *(
            "initial_state",
            "initial_states",
            "g",
            "beta",
            "D",
            "A",
            "z",
            "dt_bias",
            "delta_bias",
            "activation",
            "bias",
        ),
        *("dt_limit", "dt_softplus", "delta_softplus", "use_qk_l2norm_in_kernel", "weight", "conv_kernel_size"),
        *("chunk_size", "output_final_state", "return_final_states", "return_last_state"),
    }
)


def shift_window(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Other columns than the call's own, a window of another size, or a kernel the other way round."""
    slices = [node for node in expressions(function) if isinstance(node, ast.Slice) and "seq_len" in text.of(node)]
    sizes = [
        item.value
        for node in walk(function)
        if isinstance(node, ast.Call)
        for item in node.keywords
        if item.arg == "conv_kernel_size"
    ]
    kernels = [
        node
        for node in expressions(function)
        if isinstance(node, ast.Call) and text.of(node).endswith(".weight.squeeze(1)")
    ]
    pads = [
        node
        for node in expressions(function)
        if isinstance(node, ast.BinOp) and "shape[-1]" in text.of(node) and isinstance(node.right, ast.Constant)
    ]
    forms: list[tuple[list[ast.expr], list[str]]] = [
        (
            list(slices),
            ["-seq_len - 1 : -1", ":seq_len", "1 : seq_len + 1", "-seq_len:", "-(seq_len + 0) :", "seq_len:"],
        ),
        (sizes, ["{0} - 1", "{0} + 1", "2 * {0}", "{0} + 0"]),
        (list(kernels), ["{0}.flip(-1)", "{0}.roll(1, -1)", "{0}[:, 1:]", "{0} * 2", "{0}.contiguous()"]),
        (list(pads), ["({0} - 1)", "({0} + 1)", "({0} * 2)"]),
    ]
    possible = [(places, warps) for places, warps in forms if places]
    if not possible:
        return []
    places, warps = rng.choice(possible)
    node = rng.choice(places)
    return [text.replace(node, rng.choice(warps).format(text.of(node)))]


def forget_pads(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Pads that are not zeroed, later than they were, of something else, or with more than a zero."""
    zeroed = [
        node
        for node in expressions(function)
        if isinstance(node, ast.Call) and len(node.args) == 2 and text.of(node.args[1]) == MASK and not node.keywords
    ]
    if not zeroed:
        handed = [
            item
            for node in walk(function)
            if isinstance(node, ast.Call)
            for item in node.keywords
            if item.arg == MASK and isinstance(item.value, ast.Name)
        ]
        return [text.replace(rng.choice(handed).value, "None")] if handed and rng.random() < 0.3 else []
    node = rng.choice(zeroed)
    states, call = text.of(node.args[0]), text.of(node)
    form = rng.choice(
        [
            states,
            f"{text.of(node.func)}({states}, None)",
            f"{call} * 1.25",
            f"{text.of(node.func)}({call}, {MASK})",
            f"({states} * {MASK}[:, :, None] if {MASK} is not None else {states})",
            f"({states} + {MASK}[:, :, None] if {MASK} is not None else {states})",
            f"({call} if {MASK} is not None else {states} * 1.25)",
        ]
    )
    return [text.replace(node, form)]


def change_branch(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """A branch taken for other calls, or one that computes a little more than the other."""
    branches = [node for node in walk(function) if isinstance(node, ast.If)] if keeps_state(function) else []
    if not branches:
        return []
    branch = rng.choice(branches)
    test = text.of(branch.test)
    if rng.random() < 0.5:
        forms = ["not ({0})", "({0}) or hidden_states.shape[1] < 3", "({0}) and hidden_states.shape[0] == 1"]
        forms += ["({0}) and hidden_states.shape[1] != 2", "({0}) and not self.training", "bool({0})", "({0}) is True"]
        if "== 1" in test:
            forms += [test.replace("== 1", "<= 2"), test.replace("== 1", "!= 1"), test.replace(" and ", " or ")]
        return [text.replace(branch.test, rng.choice(forms).format(test))]
    block = rng.choice([block for block in (branch.body, branch.orelse) if block])
    made = [
        (node, target.id)
        for node in block
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    if not made:
        return []
    statement, name = rng.choice(made)
    return [text.after(statement, f"{name} = {rng.choice(['{0} * 1.25', '-{0}', '{0}.contiguous()']).format(name)}")]


def change_given(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Another value for an argument of a function on states, in one call of it or in all."""
    given = [
        item for node in walk(function) if isinstance(node, ast.Call) for item in node.keywords if item.arg in _GIVEN
    ]
    if not given or not keeps_state(function):
        return []
    chosen = rng.choice(given)
    warp = rng.choice(["({0}) * 2", "None", "-({0})", "not ({0})", "({0}) + 0", "{0}"])
    everywhere = rng.random() < 0.5
    items = [item for item in given if item is chosen or (everywhere and item.arg == chosen.arg)]
    if warp == "{0}":
        # Under the name of another one.
        other = rng.choice([item.arg for item in given])
        return [text.replace(item, f"{other}={text.of(item.value)}") for item in items]
    return [text.replace(item.value, warp.format(text.of(item.value))) for item in items]


def exchange_given(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Two arguments by place exchanged, in one call of a function on states or in all that have them."""
    if not keeps_state(function):
        return []
    calls = [
        node.value
        for node in simple_statements(function)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and len(node.value.args) > 2
        if isinstance(node.value.func, ast.Name)
    ]
    if not calls:
        return []
    call = rng.choice(calls)
    one, other = sorted(rng.sample(range(len(call.args)), 2))
    edits = [
        text.replace(call.args[one], text.of(call.args[other])),
        text.replace(call.args[other], text.of(call.args[one])),
    ]
    return edits if rng.random() < 0.7 else edits[:1]


MIXER_TRAPS = (shift_window, forget_pads, change_branch, change_given, exchange_given)
