"""Masks of the places of images, videos and sounds that are made before anything else, and what is made of them.

    image_mask, video_mask, audio_mask = self.get_placeholder_mask(input_ids, inputs_embeds)
    multimodal_mask = image_mask | video_mask | audio_mask
    llm_input_ids = None
    if inputs_embeds is None:
        llm_input_ids = input_ids.clone()
        llm_input_ids = torch.where(multimodal_mask, self.config.text_config.pad_token_id, llm_input_ids)
        inputs_embeds = self.get_input_embeddings()(llm_input_ids)

Each mask is of the places of one token, so the program for text makes what it needs of them from the tokens. Of the
tokens that stand in, some text models are handed embeddings for their layers too:

    if per_layer_inputs is None and self.config.get_text_config().hidden_size_per_layer_input:
        ...
        per_layer_inputs = self.language_model.get_per_layer_inputs(llm_input_ids, llm_inputs_embeds)
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, parameters, returned_names, self_attribute
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.image_text.embedded_tokens import EMBEDDED, SETTINGS, of_given_tokens
from qeff_codegen.image_text.image_token import image_token
from qeff_codegen.image_text.known_statements import refusal
from qeff_codegen.patterns.match import Match, match
from qeff_codegen.patterns.pattern import Pattern

_MASKS = Pattern("$masks = $where(input_ids, inputs_embeds)")
_NONE = Pattern("$ids = None")
_EMBEDDING = Pattern("""
if inputs_embeds is None:
    $ids = input_ids.clone()
    $ids = torch.where($mask, $other, $ids)
    $embeds = $embedder($ids)
""")
_OF_LAYERS = Pattern("""
if $given is None and $asked:
    $padding = $table.weight[$_, :]
    $mask = $mask.to($_)
    $padded = torch.where($mask[..., None], $padding.view(1, 1, -1), inputs_embeds)
    $given = $made($ids, $padded)
""")


@dataclass(frozen=True)
class LayerInputs:
    """Embeddings of tokens for the layers of a text model, beside those of its first.

    Attributes:
        argument: what the text model takes them as.
        asked: the setting by which there are any.
        method: the text model's method that makes them of tokens.
    """

    argument: str
    asked: str
    method: str


@dataclass(frozen=True)
class MasksFirst:
    """What the masks are used for.

    Attributes:
        tokens: for each mask, by its local, the setting of the token whose places it is true at; empty if none is
            made before images are.
        embedded: what makes `token_ids`, which are embedded; empty where that is told elsewhere.
        layer_inputs: what goes to the layers of the text model beside; None where nothing does.
    """

    tokens: Mapping[str, ast.expr] = field(default_factory=dict)
    embedded: str = ""
    layer_inputs: LayerInputs | None = None


def masks_first(
    file: ModelingFile, model: ModelingClass, text_attribute: str, statements: Sequence[ast.stmt]
) -> tuple[list[ast.stmt], MasksFirst]:
    """The statements as if the given tokens were embedded, and what is made of masks that come before them.

    What is not known stays among the statements.

    Raises:
        Refusal: a mask is of more than the places of one token.
    """
    kept: list[ast.stmt] = []
    tokens: dict[str, ast.expr] = {}
    unions: dict[str, list[str]] = {}
    unset: list[ast.stmt] = []
    embedded, ids, layers = "", "", None
    for statement in statements:
        masks = match(_MASKS, statement, file.aliases)
        embedding = match(_EMBEDDING, statement, file.aliases)
        of_layers = match(_OF_LAYERS, statement, file.aliases)
        union = _union(statement, tokens)
        if masks is not None and isinstance(masks["masks"], ast.Tuple) and not tokens:
            tokens = _tokens(file, model, masks)
        elif tokens and union:
            unions |= union
        elif match(_NONE, statement) is not None:
            unset.append(statement)
            kept.append(statement)
        elif embedding is not None and embedding.name("mask") in unions and _is_setting(embedding["other"]):
            ids = embedding.name("ids")
            embedded = _filled(tokens, unions[embedding.name("mask")], embedding.spelled("other"))
            kept = [item for item in kept if item not in unset or spelled(item) != f"{ids} = None"]
            kept.append(of_given_tokens(statement, embedding))
        elif of_layers is not None and embedded and of_layers.name("ids") == ids and of_layers.name("mask") in unions:
            layers = _layer_inputs(file, text_attribute, of_layers)
        else:
            kept.append(statement)
    return kept, MasksFirst(tokens, embedded, layers)


def _tokens(file: ModelingFile, model: ModelingClass, masks: Match) -> dict[str, ast.expr]:
    """The token of each mask, by what the forward calls it."""
    call = masks.statements[0].value if isinstance(masks.statements[0], ast.Assign) else None
    method = model.methods.get(self_attribute(masks["where"]) or "")
    targets = [spelled(item) for item in masks["masks"].elts] if isinstance(masks["masks"], ast.Tuple) else []
    returned = returned_names(method) if method is not None else ()
    if method is None or not isinstance(call, ast.Call) or len(returned) != len(targets):
        raise refusal(
            file,
            f"`{model.name}` finds the places of images by `{masks.spelled('where')}`",
            masks.statements[0].lineno,
            "a method of its own, which compares `input_ids` with one token for each mask that it returns",
        )
    return {target: image_token(file, method, call, name) for target, name in zip(targets, returned, strict=True)}


def _union(statement: ast.stmt, tokens: Mapping[str, ast.expr]) -> dict[str, list[str]]:
    """`<mask> = <mask> | <mask> | ...`, as the name of the first and those of the others; empty if it is none."""

    def names(value: ast.expr) -> list[str]:
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr):
            return [*names(value.left), *names(value.right)]
        return [spelled(value)]

    if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.BinOp):
        return {}
    joined = names(statement.value)
    return {spelled(statement.targets[0]): joined} if set(joined) <= set(tokens) else {}


def _is_setting(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) or spelled(value).startswith(SETTINGS)


def _filled(tokens: Mapping[str, ast.expr], masks: Sequence[str], other: str) -> str:
    places = " | ".join(f"(input_ids == {spelled(tokens[name])})" for name in masks)
    return f"{EMBEDDED} = input_ids.masked_fill({places}, {other})"


def _layer_inputs(file: ModelingFile, text_attribute: str, found: Match) -> LayerInputs:
    """What the text model makes for its layers, of tokens alone where there are any."""
    line = found.statements[0].lineno
    method = found.spelled("made").removeprefix(f"self.{text_attribute}.")
    owners = [cls.methods[method] for cls in file.classes.values() if method in cls.methods]
    asked = found.spelled("asked")
    is_of_tokens = len(owners) == 1 and _is_of_tokens(owners[0])
    if not is_of_tokens or not found.name("given") or not asked.startswith(SETTINGS):
        raise refusal(
            file,
            f"what goes to the layers of the text model is made by `{found.spelled('made')}`",
            line,
            "a method of the text model of this file, which looks at embeddings only `if input_ids is None`",
        )
    return LayerInputs(found.name("given"), asked, method)


def _is_of_tokens(method: ast.FunctionDef) -> bool:
    """Whether a method of tokens and embeddings reads embeddings only where there are no tokens."""
    names = [name for name in parameters(method) if name != "self"]
    if names != ["input_ids", "inputs_embeds"]:
        return False
    without = Pattern("if input_ids is None:\n    ...")
    return not any(
        node.id == names[1]
        for statement in method.body
        if match(without, statement) is None
        for node in find(ast.Name, statement)
    )
