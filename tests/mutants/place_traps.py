"""Mutators that take tokens or keys by their place in a call or in the cache."""

from __future__ import annotations

import random

from tests.mutants.edits import Edit, FunctionNode, Text
from tests.mutants.token_sites import token_site


def take_by_place(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Take the first, the last or the neighbouring tokens or keys, or what stands at a counted place."""
    site = token_site(function, rng)
    if site is None:
        return []
    name, axis = site.name, site.axis
    places = f"torch.arange({site.length})"
    change = rng.choice(
        [
            f"{name} + 0.25 * {site.taken(':1')}",
            f"{name} + 0.25 * {site.taken('-1:')}",
            f"{name} - {site.taken('[0]')}",
            f"0.5 * ({name} + torch.roll({name}, 1, {axis}))",
            f"{name} + 0.25 * {name}.flip({axis})",
            f"{name} + 0.25 * torch.cat([{site.taken(':1')}, {site.taken(':-1')}], dim={axis})",
            f"{name} + 0.25 * {name}.select({axis}, -1).unsqueeze({axis})",
            f"{name} + 0.25 * {name}.index_select({axis}, ({places} - 1).clamp(min=0))",
            f"{name} + 0.25 * {name}.index_select({axis}, {places} // 2)",
            f"{name} * (1 + 0.1 * {places}{site.aligned})",
            site.taken("-1:"),
            site.taken("::2"),
        ]
    )
    return site.changed(text, function, f"{name} = {change}")


def write_by_place(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Overwrite the first or the last token or key, or a few of them."""
    site = token_site(function, rng)
    if site is None:
        return []
    place = rng.choice(["0", "-1", ":2", "-2:"])
    return site.changed(text, function, f"{site.name} = {site.name}.clone()", f"{site.taken(place)} *= 1.5")


PLACE_TRAPS = (take_by_place, write_by_place)
