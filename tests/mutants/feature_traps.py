"""Mutators aimed at what makes features of pixels: the layer they are taken from, projector, tower, pixels."""

from __future__ import annotations

import ast
import random
import re

from tests.mutants.edits import Edit, FunctionNode, Text, expressions, walk
from tests.mutants.image_sites import FEATURES, loads, stores

_PIXELS = re.compile("pixel_values|pixel_attention_mask|image_sizes|image_grid_thw|grid_thw")
_CHOICES = re.compile("vision_feature_(layer|select_strategy)")
_FIELDS = ("last_hidden_state", "pooler_output", "hidden_states[-1]", "hidden_states[1]")


def choose_other_layer(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Features of another layer of the tower, of other patches, or another field of what it gives."""
    edits: list[list[Edit]] = []
    for node in expressions(function):
        if isinstance(node, ast.Attribute) and node.attr in _FIELDS and isinstance(node.ctx, ast.Load):
            edits += [[text.replace(node, f"{text.of(node.value)}.{rng.choice(_FIELDS)}")]]
        elif isinstance(node, ast.Subscript) and text.of(node).endswith("[:, 1:]"):
            edits += [[text.replace(node.slice, rng.choice([":, :-1", ":, 1:, :", ":, 2:", ":"]))]]
        elif isinstance(node, ast.Constant) and node.value in ("default", "full"):
            edits += [[text.replace(node, repr(rng.choice(["default", "full", "other"])))]]
    for node in loads(function, _CHOICES):
        warp = rng.choice(["-1", "1", "[-1, -2]", "({0})", "{0}[::-1]", "(-2 if {0} == -1 else {0})", '"full"'])
        edits += [[text.replace(node, warp.format(text.of(node)))]]
    return rng.choice(edits) if edits else []


def warp_features(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Compute with features once more after they were made."""
    sites = stores(function, FEATURES)
    if not sites:
        return []
    statement, target = rng.choice(sites)
    warp = rng.choice(
        ["{0} * 1.5", "{0} + 0.125", "-{0}", "{0}.flip(-1)", "{0}.flip(1)", "{0}.flip(0)", "{0}.roll(1, 1)"]
        + ["{0} - {0}.mean(0, keepdim=True)", "{0} / {0}.abs().max()", "{0}.to(torch.bfloat16).to({0}.dtype)"]
        + ["{0} * {0}.shape[0]", "{0} / len({0})", "nn.functional.normalize({0}, dim=-1)", "{0}.contiguous()"]
        + ["{0}.detach()", "[item * 1.5 for item in {0}]", "[item for item in {0}]", "{0} * (1 + torch.arange(2)[-1])"]
        + ["torch.cat([{0}[:1] * 2, {0}[1:]])", "{0} if len({0}) == 1 else {0} * 2", "{0}.reshape({0}.shape)"]
    )
    name = text.of(target)
    return [text.after(statement, f"{name} = {warp.format(name)}")]


def warp_pixels(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Other pixels, or another of what is told of them."""
    sites = loads(function, _PIXELS)
    if not sites:
        return []
    node = rng.choice(sites)
    warp = rng.choice(
        ["({0} * 1.5)", "{0}.flip(-1)", "{0}.flip(0)", "{0}[:1]", "{0}.clamp(0, 1)", "({0} - {0}.mean())"]
        + ["{0}.to(self.dtype)", "{0}.clone()", "({0} + {0}.shape[0] - 1)", "{0}.to(torch.bfloat16).float()", "None"]
    )
    return [text.replace(node, warp.format(text.of(node)))]


def call_otherwise(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Compute with what a module gives."""
    sites = [
        node
        for node in walk(function)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("self.") and node.args
    ]
    if not sites:
        return []
    node = rng.choice(sites)
    warp = rng.choice(["({0} * 1.5)", "({0} + {1})", "{0}.flip(-1)", "{0}.tanh()", "{1}", "({0}).clone()"])
    return [text.replace(node, warp.format(text.of(node), text.of(node.args[0])))]


FEATURE_TRAPS = (choose_other_layer, warp_features, warp_pixels, call_otherwise)
