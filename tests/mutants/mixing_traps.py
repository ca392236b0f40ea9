"""Mutators that mix tokens, or keys, where no softmax does."""

from __future__ import annotations

import random

from tests.mutants.edits import Edit, FunctionNode, Text
from tests.mutants.token_sites import token_site


def mix_along_axis(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Reduce, normalise, cumulate or order along an axis of tokens or keys."""
    site = token_site(function, rng)
    if site is None:
        return []
    name, axis = site.name, site.axis
    change = rng.choice(
        [
            f"{name} - 0.5 * {name}.mean({axis}, keepdim=True)",
            f"{name} + 0.1 * torch.sum({name}, dim={axis}, keepdim=True)",
            f"{name} + 0.1 * {name}.cumsum({axis})",
            f"{name} + 0.1 * torch.cummax({name}, dim={axis}).values",
            f"{name} + torch.softmax({name}, dim={axis})",
            f"torch.nn.functional.normalize({name}, dim={axis}) * 3",
            f"{name} / (1 + {name}.abs().amax({axis}, keepdim=True))",
            f"{name} * torch.rsqrt({name}.pow(2).mean(({axis}, -1) if {axis} != -1 else -1, keepdim=True) + 0.1)",
            f"{name} / (1 + {name}.abs().max())",
            f"{name} - 0.5 * {name}.mean()",
            f"{name} + 0.1 * {name}.sort({axis}).values",
            f"torch.layer_norm({name}, {name}.shape[1:])",
            f"{name} + 0.1 * {name}.transpose({axis}, -1).cumsum(-1).transpose({axis}, -1)",
            f"{name} * (1 + {name}.norm(dim={axis}, keepdim=True)) ** -0.5",
        ]
    )
    return site.changed(text, function, f"{name} = {change}")


def mix_by_product(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Multiply by a matrix over tokens: triangular, or made of the tokens themselves."""
    site = token_site(function, rng)
    if site is None:
        return []
    name, turned = site.name, ".transpose(-1, -2)" if site.is_last else ""
    moved = f"{name}{turned}"
    size = site.length
    matrix = rng.choice(
        [
            f"torch.tril(torch.ones({size}, {size}, dtype={name}.dtype))",
            f"({moved} @ {moved}.transpose(-1, -2)).tanh()",
            f"torch.einsum('...td,...sd->...ts', {moved}, {moved}).tanh()",
        ]
    )
    return site.changed(text, function, f"{name} = {name} + 0.1 * ({matrix} @ {moved}){turned}")


MIXING_TRAPS = (mix_along_axis, mix_by_product)
