"""Mutators aimed at a state: when it is read and written, whose it is, and what else is kept from call to call."""

from __future__ import annotations

import ast
import random

from tests.mutants.edits import Edit, FunctionNode, Text, simple_statements
from tests.mutants.traps import above

READS = ("get_conv_state", "get_recurrent_state")
WRITES = ("update_conv_state", "update_recurrent_state")
_WARPS = (
    *("{0} * 0.5", "-{0}", "{0}.flip(-1)", "{0}.flip(0)", "{0}.roll(1, 0)", "{0}.roll(1, -1)", "{0}.clamp(-1, 1)"),
    *("{0}.to(torch.bfloat16).float()", "torch.zeros_like({0})", "{0}.clone()", "{0}.detach()", "{0} + 0"),
)
Call = tuple[ast.stmt, ast.Call]


def calls_on_cache(function: FunctionNode, *methods: str) -> list[Call]:
    """Calls of one of `methods`, each with the statement it is the value of."""
    return [
        (statement, statement.value)
        for statement in simple_statements(function)
        if isinstance(statement, (ast.Assign, ast.Expr)) and isinstance(statement.value, ast.Call)
        if isinstance(statement.value.func, ast.Attribute) and statement.value.func.attr in methods
    ]


def keeps_state(function: FunctionNode) -> bool:
    """Whether a function writes a state."""
    return bool(calls_on_cache(function, *WRITES))


def lose_a_write(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """A state that is not written, only in some calls, or as another one."""
    found = calls_on_cache(function, *WRITES)
    if not found:
        return []
    statement, call = rng.choice(found)
    line, indent = text.of(statement), " " * statement.col_offset
    forms = [
        "pass",
        f"if hidden_states.shape[1] > 1:\n{indent}    {line}",
        f"if not self.layer_idx % 2:\n{indent}    {line}",
        f"for _ in range(hidden_states.shape[1] > 1):\n{indent}    {line}",
        f"if self.training:\n{indent}    {line}",
    ]
    if rng.random() < 0.5:
        return [text.replace(statement, rng.choice(forms))]
    given = call.args[0]
    return [text.replace(given, rng.choice(_WARPS).format(f"({text.of(given)})"))]


def write_twice(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """A state that is written again, or before it is read."""
    reads, writes = calls_on_cache(function, *READS), calls_on_cache(function, *WRITES)
    if not writes:
        return []
    if reads and rng.random() < 0.5:
        statement, call = rng.choice(reads)
        write = rng.choice([item for _, item in writes])
        value = text.of(call)
        sizes = [text.of(item) for item in write.keywords if item.arg == "conv_kernel_size"]
        arguments = ", ".join([rng.choice(_WARPS).format(value), "self.layer_idx", *sizes])
        return [text.before(statement, f"if {value} is not None:\n    {text.of(write.func)}({arguments})")]
    statement, call = rng.choice(writes)
    if rng.random() < 0.5:
        return [text.after(statement, text.of(statement))]
    given = call.args[0]
    others = [text.of(item) for item in (*call.args[1:], *call.keywords)]
    again = f"{text.of(call.func)}({', '.join([rng.choice(_WARPS).format(f'({text.of(given)})'), *others])})"
    return [text.after(statement, again)]


def read_otherwise(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """A state that is changed after it was read, read again after it was written, or not read."""
    reads, writes = calls_on_cache(function, *READS), calls_on_cache(function, *WRITES)
    if not reads or not writes:
        return []
    statement, call = rng.choice(reads)
    if not isinstance(statement, ast.Assign):
        return []
    name, kind = text.of(statement.targets[0]), rng.randrange(4)
    if kind == 0:
        return [text.replace(call, "None")]
    if kind == 1:
        after, _ = rng.choice(writes)
        return [
            text.after(after, text.of(statement)),
            text.after(after, f"hidden_states = hidden_states + 0 * {name}.sum()"),
        ]
    if kind == 2:
        index = rng.choice(["self.layer_idx - 1", "max(self.layer_idx - 1, 0)", "self.layer_idx // 2", "0"])
        return [text.replace(call.args[0], index)]
    return [text.after(statement, f"{name} = {rng.choice(_WARPS).format(name)} if {name} is not None else None")]


def number_otherwise(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Another layer's state, or another one of the same layer."""
    numbered = [
        node
        for node in simple_statements(function)
        if isinstance(node, ast.Assign) and text.of(node.targets[0]) == "self.layer_idx"
    ]
    if numbered:
        node = rng.choice(numbered)
        value = text.of(node.value)
        warp = rng.choice(["{0} // 2", "{0} + 1", "max({0} - 1, 0)", "{0} + 0", "int({0})"])
        return [text.replace(node.value, warp.format(value))]
    found = calls_on_cache(function, *READS, *WRITES)
    chosen = [(call, item) for _, call in found for item in call.keywords if item.arg == "state_idx"]
    if chosen and rng.random() < 0.5:
        return [text.replace(rng.choice(chosen)[1].value, "1")]
    if not found:
        return []
    call = rng.choice(found)[1]
    indices = [
        item for item in (*call.args, *(item.value for item in call.keywords)) if text.of(item) == "self.layer_idx"
    ]
    warp = rng.choice(["self.layer_idx - 1", "self.layer_idx // 2", "max(self.layer_idx - 1, 0)", "0"])
    return [text.replace(indices[0], warp)] if indices else []


def keep_elsewhere(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Something of a call kept on the module for the next one."""
    parameters = [item.arg for item in function.args.args]
    if not keeps_state(function) or "hidden_states" not in parameters:
        return []
    first = next(
        node for node in function.body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    )
    last = rng.choice(["hidden_states[:, -1:].detach()", "hidden_states.mean(1, keepdim=True)", "hidden_states.sum()"])
    form = rng.choice(
        [
            ["kept = getattr(self, 'kept', None)", f"self.kept = {last}"],
            ["kept = self.__dict__.get('kept')", f"self.__dict__['kept'] = {last}"],
            ["kept = KEPT.get(self.layer_idx)", f"KEPT[self.layer_idx] = {last}"],
        ]
    )
    lines = [*form, "if kept is not None:", "    hidden_states = hidden_states + 0.1 * kept"]
    edits = [text.before(first, "\n".join(lines))]
    if "KEPT" in form[0]:
        top = next(node for node in text.tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef)))
        edits.append(above(text, top, "KEPT = {}\n"))
    return edits


def call_twice(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """A module that is handed the cache, called once more, or without it."""
    handed = [
        (statement, statement.value, item)
        for statement in simple_statements(function)
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call)
        if text.of(statement.value.func).startswith("self.")
        for item in statement.value.keywords
        if item.arg in ("cache", "past_key_values", "cache_params") and isinstance(item.value, ast.Name)
    ]
    if not handed:
        return []
    statement, _, cache = rng.choice(handed)
    if rng.random() < 0.3:
        return [text.replace(cache.value, "None")]
    return [text.after(statement, text.of(statement))]


STATE_TRAPS = (lose_a_write, write_twice, read_otherwise, number_otherwise, keep_elsewhere, call_twice)
