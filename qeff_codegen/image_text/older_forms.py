"""Forwards of older releases, said as those of today: one form is read, whatever release a file is of.

Before outputs of encoders could be handed from call to call, features were made and placed under one condition:

    if pixel_values is not None:
        image_features = self.get_image_features(pixel_values=pixel_values, ...).pooler_output
        ...
        inputs_embeds = inputs_embeds.masked_scatter(special_image_mask, image_features)

which is today

    if encoded.get("image") is None and pixel_values is not None:
        encoded["image"] = self.get_image_features(pixel_values=pixel_values, ...)
    if encoded.get("image") is not None:
        image_features = encoded["image"].pooler_output
        ...

The cache was called `past_key_values`, an output was said field by field, and the logits to keep were chosen by a
slice. Features might have the rows and columns of an image still, `[images, height, width, hidden]`, which are placed
alike.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence

from qeff_codegen.codemod.tree import find, parse, spelled
from qeff_codegen.patterns.match import match
from qeff_codegen.patterns.pattern import Pattern

CACHE = "cache"
OLD_CACHE = "past_key_values"
_ENCODED = "encoded"
_AT_ONCE = Pattern("""
if {pixel_values is not None, pixel_values is not None and pixel_values.size(0) > 0}:
    $...made
""")
_NAMED = Pattern("$name = $made")
_FEATURES = Pattern("$images = $features")
_FIELD_BY_FIELD = Pattern("return $_(..., last_hidden_state=$outputs.last_hidden_state, past_key_values=$cached)")
_ITS_FIELDS = ("attentions", "hidden_states", "last_hidden_state", "router_logits")
_KEPT = Pattern("$kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep\n")
_SLICED = Pattern("$logits = $head($hidden[:, $kept, :])")


def as_today(statements: Sequence[ast.stmt]) -> tuple[list[ast.stmt], bool]:
    """The statements of a model's forward in today's form, and whether it makes and places features at once."""
    found: list[ast.stmt] = []
    is_older = False
    for statement in _returned_at_once(_with_cache(statements)):
        made = match(_AT_ONCE, statement)
        body = [] if made is None else made.rest("made")
        first = match(_FEATURES, body[0]) if body else None
        features = None if first is None else first["features"]
        if first is not None and isinstance(features, ast.Attribute) and isinstance(features.value, ast.Call):
            is_older = True
            found += _apart(statement, body[1:], first.spelled("images"), features.value, features.attr)
        else:
            found.append(_result(statement))
    return found, is_older


def with_sliced_logits(statements: Sequence[ast.stmt]) -> list[ast.stmt]:
    """The statements of a head without the choice of logits, which are computed of the last token alone."""
    kept = {found.name("kept") for item in statements if (found := match(_KEPT, item)) is not None}
    result: list[ast.stmt] = []
    for statement in statements:
        sliced = match(_SLICED, statement)
        if match(_KEPT, statement) is not None:
            continue
        if sliced is not None and sliced.name("kept") in kept:
            text = f"{sliced.spelled('logits')} = {sliced.spelled('head')}({sliced.spelled('hidden')})"
            result += _placed(text, statement)
        else:
            result.append(statement)
    return result


def _apart(
    statement: ast.stmt, placing: Sequence[ast.stmt], images: str, call: ast.Call, field: str
) -> list[ast.stmt]:
    """Making and placing features, each under its own condition."""
    made = (
        f"{_ENCODED} = {_ENCODED} if {_ENCODED} is not None else {{}}\n"
        f'if {_ENCODED}.get("image") is None and pixel_values is not None:\n'
        f'    {_ENCODED}["image"] = {spelled(call)}\n'
        f'if {_ENCODED}.get("image") is not None:\n'
        f'    {images} = {_ENCODED}["image"].{field}\n'
    )
    *first, placed = _placed(made, statement)
    assert isinstance(placed, ast.If)
    placed.body += placing
    return [*first, placed]


def _result(statement: ast.stmt) -> ast.stmt:
    """A result that says every field of the text model's, as one that hands them on."""
    found = match(_FIELD_BY_FIELD, statement)
    if found is None or not isinstance(statement, ast.Return) or not isinstance(statement.value, ast.Call):
        return statement
    outputs = found.name("outputs")
    given = {item.arg: spelled(item.value) for item in statement.value.keywords}
    handed_on = all(given[name] == f"{outputs}.{name}" for name in _ITS_FIELDS if name in given)
    if not outputs or not handed_on or given[OLD_CACHE] not in (f"{outputs}.{OLD_CACHE}", f"{outputs}.{CACHE}"):
        return statement
    (plain,) = _placed(f"return {spelled(statement.value.func)}(**{outputs})", statement)
    return plain


def _returned_at_once(statements: list[ast.stmt]) -> list[ast.stmt]:
    """The statements with the result returned as it is made, where it has a name before, `output = Output(...)`."""
    if len(statements) < 2:
        return statements
    *before, made, last = statements
    named = match(_NAMED, made)
    if named is None or not isinstance(last, ast.Return) or last.value is None:
        return statements
    is_returned = named.spelled("name") == spelled(last.value)
    made_by = named["made"].func if isinstance(named["made"], ast.Call) else None
    if is_returned and isinstance(made_by, ast.Name):
        return [*before, ast.copy_location(ast.Return(named["made"]), last)]
    return statements


def _with_cache(statements: Sequence[ast.stmt]) -> list[ast.stmt]:
    """The statements with today's name for the cache that is given."""
    renamed = copy.deepcopy(list(statements))
    for statement in renamed:
        for name in find(ast.Name, statement):
            if name.id == OLD_CACHE:
                name.id = CACHE
    return renamed


def _placed(text: str, statement: ast.stmt) -> list[ast.stmt]:
    """Statements in the place of another, for messages."""
    made = parse(text).body
    for node in (inner for item in made for inner in ast.walk(item)):
        ast.copy_location(node, statement)
    return made
