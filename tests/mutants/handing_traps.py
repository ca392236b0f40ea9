"""Mutators aimed at what one part of an image-text model hands the next, and at the logits behind it."""

from __future__ import annotations

import ast
import random
import re

from tests.mutants.edits import Edit, FunctionNode, Text, on_one_line, walk
from tests.mutants.image_sites import stores
from tests.mutants.placing_traps import _CONDITIONS
from tests.mutants.traps import TWICE, above

_OF_HEAD = re.compile("hidden_states|logits|outputs")
_PARTS = re.compile(
    r"self\.(model|language_model|text_model|vision_tower|vision_model|visual|get_\w+|inputs_merger|compute_3d\w+)"
    r"|create_\w*masks?\w*|get_\w+"
)


def hand_otherwise(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Another value for what a part is handed by name, or none."""
    given = [
        (call, item)
        for call in walk(function)
        if isinstance(call, ast.Call) and _PARTS.fullmatch(ast.unparse(call.func))
        for item in call.keywords
        if item.arg is not None
    ]
    if not given:
        return []
    call, keyword = rng.choice(given)
    value = text.of(keyword.value)
    if rng.random() < 0.2:
        kept = [text.of(item) for item in (*call.args, *call.keywords) if item is not keyword]
        return [text.replace(call, f"{text.of(call.func)}({', '.join(kept)})")]
    warps = ["({0} * 2 if {0} is not None else None)", "({0}.flip(-1) if {0} is not None else None)", "None"]
    warps += ["({0} + 1 if {0} is not None else None)", "({0}.roll(1, -1) if {0} is not None else None)", "({0})"]
    warps += ["({0}.clone() if {0} is not None else None)", "({0}.flip(0) if {0} is not None else None)"]
    warps += [text.of(item.value) for item in call.keywords if item is not keyword and item.arg is not None]
    return [text.replace(keyword.value, rng.choice(warps).format(value))]


def fill_in(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """A parameter that is given another value before anything is done with it."""
    names = [item.arg for item in function.args.args if item.arg not in ("self", "config")]
    if not names or function.lineno == function.body[0].lineno:
        return []
    name = rng.choice(names)
    value = rng.choice(["None", "{0} * 2", "{0}.flip(-1)", "{0}.flip(0)", "{0} + 1", "-1", "{0}.clone()", "{0}.abs()"])
    line = f"{name} = {on_one_line(value.format(name))} if {name} is not None else {rng.choice(['None', '1', '-2'])}"
    first = next(
        (item for item in function.body if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))),
        None,
    )
    return [text.before(first, line)] if first is not None else []


def warp_head(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Hidden states or logits changed, maybe where there are images alone."""
    sites = [item for item in stores(function, _OF_HEAD) if isinstance(item[1], ast.Name)]
    if not sites:
        return []
    statement, target = rng.choice(sites)
    name = text.of(target)
    warps = ["{0} * 1.5", "{0} / 2", "{0} + 0.25", "{0}.tanh()", "{0}.flip(-1)", "{0}.clone()", "{0} * {0}.shape[1]"]
    warps += ["{0}.clamp(-1, 1)", "{0} - {0}.mean(1, keepdim=True)", "{0}.to(torch.bfloat16).to({0}.dtype)"]
    warp = rng.choice(warps).format(name)
    if rng.random() < 0.6:
        return [text.after(statement, f"{name} = {warp}")]
    return [text.after(statement, f"{name} = {on_one_line(warp)} if {rng.choice(_CONDITIONS)} else {name}")]


def decorate(text: Text, function: FunctionNode, rng: random.Random) -> list[Edit]:
    """Have a part's tensors doubled by a decorator."""
    first = next(node for node in text.tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef))
    return [above(text, function, "@twice"), above(text, first, TWICE)]


HANDING_TRAPS = (hand_otherwise, fill_in, warp_head, decorate)
