"""Mutators that decide by how long a call or the cache is."""

from __future__ import annotations

import random

from tests.mutants.edits import Edit, FunctionNode, Text
from tests.mutants.token_sites import token_site


def decide_by_length(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Change a tensor for calls of some lengths only, or as often as there are tokens or keys."""
    site = token_site(function, rng)
    if site is None:
        return []
    name, length = site.name, site.length
    condition = rng.choice([f"{length} == 1", f"{length} > 1", f"{length} > 6", f"{name}.size({site.axis}) < 4"])
    warped = rng.choice([f"{name} * 1.25", f"-{name}", f"{name}.clamp(-1, 1)"])
    forms = [
        [f"if {condition}:", f"    {name} = {warped}"],
        [f"{name} = {warped} if {condition} else {name}"],
        [f"length = {length}", "short = length < 3", "if short:", f"    {name} = {warped}"],
        [f"for _ in range({length}):", f"    {name} = {name} * 1.01"],
        [f"if not {length} - 1 or {name} is None:", f"    {name} = {warped}"],
        [f"{name} = [{name}, {warped}][int({condition})]"],
        [f"left = {length}", "while left > 1:", f"    {name}, left = {name} * 1.01, left // 2"],
    ]
    return site.changed(text, function, *rng.choice(forms))


def decide_by_values(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Change a tensor if one of its values, or a sum of them, is large."""
    site = token_site(function, rng)
    if site is None:
        return []
    name = site.name
    condition = rng.choice([f"{name}.abs().max() > 1", f"({name} > 1).any()", f"bool({name}.sum() > 0)"])
    return site.changed(text, function, f"if {condition}:", f"    {name} = {name} * 1.25")


BRANCH_TRAPS = (decide_by_length, decide_by_values)
