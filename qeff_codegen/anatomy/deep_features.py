"""Recognise a model of text that adds features of images to what its first layers give, at the places of images.

if $deep is not None and $layer in range(len($deep)):
    hidden_states = self.$add(hidden_states, $places, $deep[$layer])
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from qeff_codegen.anatomy.modeling_file import ModelingClass, parameters, self_attribute
from qeff_codegen.codemod.tree import find
from qeff_codegen.patterns.match import Match, match
from qeff_codegen.patterns.pattern import Pattern

# What a model is handed of them once it is rewritten: of every layer that takes some, and of every token, `[layers,
# batch, tokens, hidden]`, with zeros where no image stands.
DEEP = "deep_embeds"
ADDED = Pattern("""
if $deep is not None and $layer in range(len($deep)):
    $states = $add($states, $places, $deep[$layer])
""")
# What adds them, statement by statement: rows of tokens are taken out, added to, and written back.
_ADDING = (
    Pattern("$places = $places.to($states.device)"),
    Pattern("$embeds = $embeds.to($states.device, $states.dtype)"),
    Pattern("$states = $states.clone()"),
    Pattern("$sum = $states[$places, :] + $embeds"),
    Pattern("$states[$places, :] = $sum"),
    Pattern("return $states"),
)


@dataclass(frozen=True)
class DeepFeatures:
    """How a model takes features for its layers.

    Attributes:
        embeds: the parameter that has those of every layer.
        places: the parameter that says where images stand.
        statement: what adds those of one layer.
        states: the local that they are added to.
    """

    embeds: str
    places: str
    statement: ast.stmt
    states: str


def deep_features(model: ModelingClass) -> DeepFeatures | None:
    """The features that a model adds after its layers; None where there are none, or they are added otherwise."""
    if model.forward is None:
        return None
    found = [item for node in find(ast.If, model.forward) if (item := match(ADDED, node)) is not None]
    if len(found) != 1 or not found[0].are_names("deep", "layer", "states", "places"):
        return None
    added = found[0]
    method = model.methods.get(self_attribute(added["add"]) or "")
    taken = parameters(model.forward)
    if method is None or not _adds(method) or not {added.name("deep"), added.name("places")} <= set(taken):
        return None
    assert isinstance(added.node, ast.stmt)
    return DeepFeatures(added.name("deep"), added.name("places"), added.node, added.name("states"))


def _adds(method: ast.FunctionDef) -> bool:
    """Whether a method adds embeddings to the states at some places, and does nothing else."""
    names = parameters(method)
    if len(names) != 3 or len(method.body) != len(_ADDING):
        return False
    bound: dict[str, str] = dict(zip(("states", "places", "embeds"), names, strict=True))
    for pattern, statement in zip(_ADDING, method.body, strict=True):
        found: Match | None = match(pattern, statement)
        if found is None:
            return False
        for name in found.bound:
            if bound.setdefault(name, found.spelled(name)) != found.spelled(name):
                return False
    return True
