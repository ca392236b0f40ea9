"""Which tokens are embedded: those that are given, or another in the places of images.

An image token may lie outside the vocabulary, where no embedding is looked up for it; so another token stands in,
whatever features take its place afterwards. It shows where none do: where such a token was generated.

    if inputs_embeds is None:                                            # in every model, or
        multimodal_mask = (input_ids == self.config.image_token_id) | (input_ids == self.config.video_token_id)
        llm_input_ids = input_ids.clone()
        llm_input_ids[multimodal_mask] = 0
        inputs_embeds = self.get_input_embeddings()(llm_input_ids)

    if input_ids is not None and self.config.image_token_id >= self.vocab_size:      # where it lies outside
        special_image_mask = input_ids == self.config.image_token_id
        llm_input_ids = input_ids.clone()
        llm_input_ids[special_image_mask] = 0
    else:
        llm_input_ids = input_ids
    if inputs_embeds is None:
        inputs_embeds = self.get_input_embeddings()(llm_input_ids)
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, self_attribute
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.patterns.match import Match, match
from qeff_codegen.patterns.pattern import Pattern

# What the program for text calls those that are embedded, where they are others.
EMBEDDED = "token_ids"
_IN_EVERY = Pattern("""
if inputs_embeds is None:
    $mask = $places
    $ids = input_ids.clone()
    $ids[$mask] = $other
    $embeds = $embedder($ids)
""")
_EMBEDDING = Pattern("""
if inputs_embeds is None:
    $embeds = $embedder($ids)
""")
_OUTSIDE = Pattern("""
if input_ids is not None and $token >= $size:
    $mask = input_ids == $token
    $ids = input_ids.clone()
    $ids[$mask] = $other
else:
    $ids = input_ids
""")
SETTINGS = "self.config."
_IS_TOKEN = Pattern("input_ids == $token")


def with_given_tokens(
    file: ModelingFile, model: ModelingClass, statements: Sequence[ast.stmt]
) -> tuple[list[ast.stmt], str]:
    """The statements as if the given tokens were embedded, and what the program for text does before it embeds others.

    That is empty where it embeds those that are given. What is not known stays as it is.
    """
    kept: list[ast.stmt] = []
    made, ids = "", ""
    for statement in statements:
        in_every = match(_IN_EVERY, statement, file.aliases)
        outside = match(_OUTSIDE, statement, file.aliases)
        embedding = match(_EMBEDDING, statement, file.aliases)
        if in_every is not None and _are_tokens(in_every["places"]) and isinstance(in_every["other"], ast.Constant):
            made = f"{EMBEDDED} = input_ids.masked_fill({in_every.spelled('places')}, {in_every.spelled('other')})"
            kept.append(of_given_tokens(statement, in_every))
        elif outside is not None and _is_outside(model, outside):
            made, ids = _filled_outside(model, outside), outside.name("ids")
        elif embedding is not None and ids and embedding.name("ids") == ids:
            kept.append(of_given_tokens(statement, embedding))
        else:
            kept.append(statement)
    return kept, made


def of_given_tokens(statement: ast.stmt, embedding: Match) -> ast.stmt:
    """The statement that embeds others, as one that embeds the given tokens."""
    text = f"if inputs_embeds is None:\n    {embedding.spelled('embeds')} = {embedding.spelled('embedder')}(input_ids)"
    (made,) = ast.parse(text).body
    for node in ast.walk(made):
        ast.copy_location(node, statement)
    return made


def _are_tokens(places: ast.expr) -> bool:
    """Whether an expression is true where a token is one of several settings."""
    if isinstance(places, ast.BinOp) and isinstance(places.op, ast.BitOr):
        return _are_tokens(places.left) and _are_tokens(places.right)
    found = match(_IS_TOKEN, places)
    return found is not None and found.spelled("token").startswith(SETTINGS)


def _is_outside(model: ModelingClass, outside: Match) -> bool:
    is_plain = isinstance(outside["other"], ast.Constant) and outside.spelled("token").startswith(SETTINGS)
    return is_plain and len(_size(model, outside)) == 1


def _size(model: ModelingClass, outside: Match) -> Sequence[ast.expr]:
    """What the model assigns to its attribute for the size of the vocabulary."""
    return model.assigned.get(self_attribute(outside["size"]) or "", ())


def _filled_outside(model: ModelingClass, outside: Match) -> str:
    (size,) = _size(model, outside)
    token = outside.spelled("token")
    return (
        f"{EMBEDDED} = input_ids\n"
        f"if {token} >= self.{spelled(size)}:\n"
        f"    {EMBEDDED} = input_ids.masked_fill(input_ids == {token}, {outside.spelled('other')})"
    )
