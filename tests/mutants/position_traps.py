"""Mutators aimed at positions of several kinds, and at types of tokens, which say who sees what comes later."""

from __future__ import annotations

import ast
import random

from tests.mutants.edits import Edit, FunctionNode, Text, expressions
from tests.mutants.image_sites import POSITIONS, TYPES, loads, stores


def warp_section(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Other positions of an image's tokens, of those behind it, or another order of their kinds."""
    sites = loads(function, POSITIONS)
    if not sites:
        return []
    node = rng.choice(sites)
    warp = rng.choice(
        ["({0} + 1)", "({0} * 2)", "({0} - 1)", "(-{0})", "({0} // 2)", "({0} * 0)"] * 2
        + ["{0}.flip(0)", "{0}.flip(-1)", "{0}[[0, 2, 1]]", "{0}[[1, 0, 2]]", "{0}.clone()", "{0}[:1]"]
    )
    return [text.replace(node, warp.format(text.of(node)))]


def warp_made_positions(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Positions changed after they were made, maybe on a condition."""
    sites = stores(function, POSITIONS)
    if not sites:
        return []
    statement, target = rng.choice(sites)
    name = text.of(target)
    warp = rng.choice(["{0} + 1", "{0} * 2", "{0}.flip(0)", "{0}[[0, 2, 1]]", "{0}.clamp(max=5)", "{0}.long()"])
    condition = rng.choice(["{0} is not None", "{0} is not None and {0}.shape[-1] > 1", "cache is not None", "True"])
    changed = f"{name} = ({warp}) if {condition} else {name}".replace("{0}", name)
    return [text.after(statement, changed)]


def take_other_section(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Another number among those that choose a kind of position, or count."""
    if not loads(function, POSITIONS) and not stores(function, POSITIONS):
        return []
    sites = [
        node
        for node in expressions(function)
        if isinstance(node, ast.Constant) and isinstance(node.value, int) and not isinstance(node.value, bool)
    ]
    if not sites:
        return []
    node = rng.choice(sites)
    assert isinstance(node.value, int)
    return [text.replace(node, str(rng.choice([item for item in (0, 1, 2, 3) if item != node.value])))]


def warp_types(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Other types of tokens, other blocks of them."""
    sites = loads(function, TYPES)
    if not sites:
        return []
    node = rng.choice(sites)
    warp = rng.choice(
        ["(1 - {0})", "({0} * 0)", "{0}.flip(-1)", "{0}.roll(1, -1)", "({0} + 1)", "None", "{0}.clone()", "(~{0})"]
        + ["({0} * 2)", "torch.ones_like({0})", "torch.zeros_like({0})", "({0} == 0)", "({0} > 0).int()", "{0}.abs()"]
    )
    return [text.replace(node, warp.format(text.of(node)))]


def warp_made_types(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Types or blocks changed after they were made."""
    sites = stores(function, TYPES)
    if not sites:
        return []
    statement, target = rng.choice(sites)
    warp = rng.choice(["{0} * 0", "{0}.roll(1, -1)", "{0}.flip(-1)", "{0}.clone()", "{0}.clamp(max=0)", "{0} | True"])
    name = text.of(target)
    return [text.after(statement, f"{name} = {warp.format(name)}")]


POSITION_TRAPS = (warp_section, warp_made_positions, take_other_section, warp_types, warp_made_types)
