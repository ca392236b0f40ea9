"""Mutators aimed at how features come among tokens: which tokens give their places, in which order, what is scaled."""

from __future__ import annotations

import ast
import random

from tests.mutants.edits import Edit, FunctionNode, Text, expressions, on_one_line, simple_statements
from tests.mutants.image_sites import FEATURES, PLACES, calls, loads, stores

_NAME = r"inputs_embeds"
_ORDERS = ("{0}[::-1]", "{0}.flip(0)", "{0}.roll(1, 0)", "sorted({0}, key=len)", "list({0})", "{0}[:]", "{0}.flip(1)")
_CONDITIONS = (
    "pixel_values is not None",
    "pixel_values is None",
    "input_ids.shape[1] > 1",
    "input_ids.shape[1] == 1",
    "cache is None",
    "cache.get_seq_length() == 0",
    "(input_ids == self.config.image_token_id).any()",
    'mm_encoder_outputs.get("image") is not None',
    "self.training",
)


def take_other_places(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Other tokens than the image's, or the mask of its places changed on the way."""
    compared = [
        node for node in expressions(function) if isinstance(node, ast.Compare) and "token_id" in ast.unparse(node)
    ]
    masks = loads(function, PLACES)
    if compared and (not masks or rng.random() < 0.4):
        comparison = rng.choice(compared)
        left, right = text.of(comparison.left), text.of(comparison.comparators[0])
        forms = [f"({left} != {right})", f"({left} >= {right})", f"({left} == {right} - 1)"]
        forms += [f"({left}.roll(1, -1) == {right})", f"({left}.flip(-1) == {right})", f"({right} == {left})"]
        forms += [f"({left} == {right}) & ({left}.cumsum(-1) > 0)", f"torch.eq({left}, {right})"]
        forms += [f"(({left} == {right}) | ({left} == 7))", f"({left} == self.config.text_config.vocab_size - 1)"]
        return [text.replace(comparison, rng.choice(forms))]
    if not masks:
        return []
    form = rng.choice(["{0}.roll(1, 1)", "{0}.flip(1)", "(~{0})", "{0}.clone()", "{0}.bool()", "({0} & True)"])
    node = rng.choice(masks)
    return [text.replace(node, form.format(text.of(node)))]


def place_otherwise(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Features placed by something else, twice, beside the embeddings, or scaled as they are placed."""
    placed = [node for node in calls(function, "masked_scatter") if len(node.args) == 2]
    if not placed:
        return []
    node = rng.choice(placed)
    assert isinstance(node.func, ast.Attribute)
    embeds, mask, features = text.of(node.func.value), *map(text.of, node.args)
    call = text.of(node)
    forms = [
        f"({call} + {embeds})",
        f"({call} * 1.5)",
        f"{call}.to({embeds}.dtype)",
        f"{embeds}.masked_scatter({mask}, {features} * 1.5)",
        f"{embeds}.masked_scatter({mask}, {features}.flip(0))",
        f"{embeds}.masked_scatter({mask}, {features}.flip(-1))",
        f"{embeds}.masked_scatter({mask}, {features}.to(torch.bfloat16).to({embeds}.dtype))",
        f"{embeds}.masked_scatter({mask}, {features} + {embeds}.mean())",
        f"({embeds} + torch.zeros_like({embeds}).masked_scatter({mask}, {features}))",
        f"{embeds}.flip(1).masked_scatter({mask}, {features}).flip(1)",
        f"{embeds}.masked_fill({mask}, 0.0).masked_scatter({mask}, {features})",
        f"torch.where({mask}, {call}, {embeds})",
        f"{embeds}.clone().masked_scatter({mask}, {features})",
    ]
    return [text.replace(node, rng.choice(forms))]


def order_otherwise(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Images, or their tokens, in another order."""
    sites = [
        node
        for node in loads(function, FEATURES)
        if not any(isinstance(call.func, ast.Attribute) and call.func.value is node for call in _calls(function))
    ]
    joined = [call.args[0] for call in calls(function, "cat", "stack", "list", "split") if call.args]
    chosen = rng.choice([group for group in (sites, joined) if group] or [[]])
    if not chosen:
        return []
    node = rng.choice(chosen)
    return [text.replace(node, rng.choice(_ORDERS).format(text.of(node)))]


def scale_embeddings(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Embeddings of tokens scaled, before or after images are among them, maybe on a condition."""
    sites = [
        (statement, node.id)
        for statement in simple_statements(function)
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == _NAME
    ]
    if not sites:
        return []
    statement, name = rng.choice(sites)
    warps = ["{0} * 1.5", "{0} * self.config.text_config.hidden_size**0.5", "{0} / 2", "{0} + 0.25", "{0}.clone()"]
    warps += ["{0}.flip(1)", "{0}.to(torch.bfloat16).to({0}.dtype)", "{0} * {0}.shape[1]", "{0}.clamp(-1, 1)"]
    warp = rng.choice(warps).format(name)
    if rng.random() < 0.5:
        return [text.after(statement, f"{name} = {warp}")]
    condition = rng.choice(_CONDITIONS)
    return [text.after(statement, f"{name} = {on_one_line(warp)} if {condition} else {name}")]


def place_on_condition(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Features changed on a condition, where they are made."""
    sites = stores(function, FEATURES)
    if not sites:
        return []
    statement, target = rng.choice(sites)
    name = text.of(target)
    warp = rng.choice(["{0} * 1.5", "-{0}", "{0}.flip(0)", "{0}[::-1]"]).format(name)
    condition = rng.choice((*_CONDITIONS, f"len({name}) > 1", f"{name}[0].abs().sum() > 0", "image_sizes is None"))
    return [text.after(statement, f"{name} = {on_one_line(warp)} if {condition} else {name}")]


def _calls(function: FunctionNode) -> list[ast.Call]:
    return [node for node in expressions(function) if isinstance(node, ast.Call)]


PLACING_TRAPS = (take_other_places, place_otherwise, order_otherwise, scale_embeddings, place_on_condition)
