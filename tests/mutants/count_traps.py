"""Mutators that compute with how many tokens or keys there are."""

from __future__ import annotations

import random

from tests.mutants.edits import Edit, FunctionNode, Text
from tests.mutants.token_sites import token_site


def compute_with_count(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Scale a tensor by a number of tokens or keys."""
    site = token_site(function, rng)
    if site is None:
        return []
    name, length = site.name, site.length
    factor = rng.choice(
        [
            f"{length} ** -0.25",
            f"{name}.size({site.axis}) ** 0.25",
            f"torch.tensor(float({length})).log1p()",
            f"min({length}, 4)",
            f"(1 + 1 / {name}.numel() ** 0.25)",
            f"(1 + 1 / len({name}.transpose(0, {site.axis})))",
            f"torch.ones({length}).sum() ** -0.25",
            f"(1 + ({length} == 1))",
        ]
    )
    if rng.random() < 0.3:
        return site.changed(text, function, f"count = {factor}", f"{name} = {name} * count")
    return site.changed(text, function, f"{name} = {name} * {factor}")


COUNT_TRAPS = (compute_with_count,)
