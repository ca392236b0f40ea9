"""Mutators aimed at what the generator replaces: the cache, the mask, positions, decorators, conditions it folds."""

from __future__ import annotations

import ast
import random

from tests.mutants.edits import Edit, FunctionNode, Text, expressions, on_one_line, simple_statements, walk

_TENSORS: tuple[str, ...] = (
    "hidden_states",
    "query_states",
    "key_states",
    "value_states",
    "attn_weights",
    "attn_output",
    "logits",
)
_TENSORS += ("query", "key", "value", "cos", "sin", "inputs_embeds", "residual", "freqs", "inv_freq_expanded")
_WARPS = ("{0} * 1.25", "{0} + 0.125", "-{0}", "{0}.flip(-1)", "{0}.roll(1, -1)", "{0}.clamp(-1, 1)", "{0}.detach()")
_CONDITIONS = (
    "self.training",
    "not self.training",
    "use_cache",
    "use_cache is None",
    "past_key_values is None",
    "past_key_values is not None",
    "attention_mask is None",
    "attention_mask is not None",
    "position_ids is None",
    "position_ids is not None",
    "input_ids is not None",
    "inputs_embeds is None",
    "labels is None",
    "logits_to_keep == 0",
    "batch_index is not None",
    "torch.is_grad_enabled()",
    "torch.onnx.is_in_onnx_export()",
    "self.layer_idx == 0",
    "self.layer_idx % 2",
)


def _names(function: FunctionNode) -> set[str]:
    bound = {node.id for node in walk(function) if isinstance(node, ast.Name)}
    return bound | {item.arg for item in ast.walk(function.args) if isinstance(item, ast.arg)}


def warp_tensor(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Compute with a tensor once more after it was made."""
    sites = [
        (statement, node.id)
        for statement in simple_statements(function)
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in _TENSORS
    ]
    if not sites:
        return []
    statement, name = rng.choice(sites)
    return [text.after(statement, f"{name} = {rng.choice(_WARPS).format(name)}")]


def warp_on_condition(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Compute with a tensor once more, under a condition that an export decides."""
    sites = [
        (statement, node.id)
        for statement in simple_statements(function)
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in _TENSORS
    ]
    known = _names(function)
    usable = [item for item in _CONDITIONS if item.split(" ")[0] in known or "." in item]
    if not sites or not usable:
        return []
    statement, name = rng.choice(sites)
    chosen, warp = rng.choice(usable), rng.choice(_WARPS).format(name)
    if rng.random() < 0.5:
        return [text.after(statement, f"{name} = {on_one_line(warp)} if {chosen} else {name}")]
    indent = " " * statement.col_offset
    return [text.after(statement, f"if {chosen}:\n{indent}    {name} = {warp}")]


def warp_mask(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Change what masks the scores, where it is made, handed on or used."""
    uses = [
        node
        for node in expressions(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and "mask" in node.id
    ]
    if not uses:
        return []
    node = rng.choice(uses)
    warp = rng.choice(
        ["(2 * {0})", "(0.5 * {0})", "(-{0})", "{0}.roll(1, -1)", "{0}.flip(-1)", "{0}.clone()", "({0} + 0.0)"]
        + ["{0}[..., :]", "{0}.clamp(min=-1.0)", "None", "({0} * 0)"]
    )
    return [text.replace(node, warp.format(node.id))]


def warp_positions(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Change the positions where they are read, or make others."""
    uses = [
        node
        for node in expressions(function)
        if isinstance(node, ast.Name)
        and isinstance(node.ctx, ast.Load)
        and node.id in ("position_ids", "past_seen_tokens", "past_length", "position_embeddings", "cos", "sin")
    ]
    if not uses:
        return []
    node = rng.choice(uses)
    warp = rng.choice(["({0} + 1)", "({0} * 2)", "{0}.flip(-1)", "(-{0})", "({0} // 2)", "{0}[:1]", "({0} % 5)"])
    return [text.replace(node, warp.format(node.id))]


def warp_cache_update(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Drop or double the cache's update, change what it is given, or what becomes of its result."""
    sites = [
        (statement, node)
        for statement in simple_statements(function)
        for node in ast.walk(statement)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "update"
        if isinstance(statement, ast.Assign)
    ]
    if not sites:
        return []
    statement, call = rng.choice(sites)
    line, target = text.of(statement), text.of(statement.targets[0])
    arguments = [text.of(item) for item in call.args]
    kind = rng.randrange(8)
    if kind == 0:
        return [text.replace(statement, "pass")]
    if kind == 1:
        return [text.after(statement, line)]
    if kind == 2:
        return [text.replace(statement, text.of(call))]
    if kind == 3:
        return [text.replace(statement.targets[0], f"cached_{target.strip('()').replace(', ', ', cached_')}")]
    if kind == 4:
        index = rng.choice(["1 - {0}", "{0} + 0", "0", "{0} // 2", "int({0})", "{0} + 1"])
        return [text.replace(call.args[2], index.format(arguments[2]))] if len(arguments) > 2 else []
    if kind == 5:
        position = rng.randrange(2)
        warp = rng.choice(["{0} * 1.5", "{0}.flip(-1)", "{0} + 0.5", "{0}.contiguous()", "-{0}"])
        return [text.replace(call.args[position], warp.format(arguments[position]))]
    if kind == 6:
        position = rng.randrange(2)
        name = target.strip("()").split(", ")[position]
        warp = rng.choice(["{0} = {0} * 1.5", "{0} = {0}.flip(-2)", "{0} = {0}[..., -4:, :]", "{0} = {0}.roll(1, 2)"])
        return [text.after(statement, warp.format(name))]
    second = f"{target} = {text.of(call.func)}({arguments[1]}, {arguments[0]}, {arguments[2]})"
    return [text.after(statement, second)]


def add_decorator(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Wrap a function or method so that it does something else, or nothing else."""
    kind = rng.choice(["torch.no_grad()", "twice", "torch.inference_mode()"])
    edits = [above(text, function, f"@{kind}")]
    if kind == "twice":
        first = next(node for node in text.tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef)))
        edits.append(above(text, first, TWICE))
    return edits


TWICE = """def twice(function):
    def doubled(*args, **kwargs):
        result = function(*args, **kwargs)
        return result * 2 if isinstance(result, torch.Tensor) else result

    return doubled

"""


def above(text: Text, node: ast.FunctionDef | ast.ClassDef, line: str) -> Edit:
    """Insert above a definition and its decorators."""
    decorators = node.decorator_list
    if not decorators:
        return text.before(node, line)
    start = text.span(decorators[0])[0] - 1 - node.col_offset
    indent = " " * node.col_offset
    return Edit(start, start, "".join(f"{indent}{item}\n" for item in line.split("\n")))


def warp_output(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Compute with what a function returns, or with an argument of a call."""
    sites: list[ast.expr] = []
    for node in walk(function):
        if isinstance(node, ast.Return) and node.value is not None:
            sites += node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
        elif isinstance(node, ast.Call):
            sites += [*node.args, *(item.value for item in node.keywords if item.arg is not None)]
    tensors = [item for item in sites if isinstance(item, ast.Name) and item.id in _TENSORS]
    if not tensors:
        return []
    node = rng.choice(tensors)
    return [text.replace(node, on_one_line(rng.choice(_WARPS).format(node.id)))]


TRAPS = (
    warp_tensor,
    warp_on_condition,
    warp_mask,
    warp_positions,
    warp_cache_update,
    add_decorator,
    warp_output,
)
