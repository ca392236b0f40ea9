"""The forward that puts images among tokens and calls the text model, statement by statement.

What is for inputs that no program takes, such as videos, never runs: it waits for an argument that is not given.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, parameters, self_attribute
from qeff_codegen.codemod.folding import decided, none_comparison
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.image_text.both_ways import BothWays, without_mask
from qeff_codegen.image_text.embedded_tokens import with_given_tokens
from qeff_codegen.image_text.known_statements import Known, needed, possible, read_statements, refusal
from qeff_codegen.image_text.layer_features import LayerFeatures, layer_features
from qeff_codegen.image_text.masks_first import LayerInputs, masks_first
from qeff_codegen.image_text.older_forms import as_today
from qeff_codegen.image_text.over_causal_lm import AFTER_TEXT, TOLD, check_logits, without_projection
from qeff_codegen.image_text.own_text import own_text_class
from qeff_codegen.image_text.placing import image_token_of_placing
from qeff_codegen.image_text.sections import Sections, sections_of
from qeff_codegen.patterns.match import Match, match
from qeff_codegen.patterns.pattern import Pattern

# What the text model may be given, with what; the program for text gives it the same, or a mask made of positions.
TEXT_ARGUMENTS = {
    "attention_mask": "attention_mask",
    "cache": "cache",
    "input_ids": "None",
    "inputs_embeds": "inputs_embeds",
    # What is given as the cache has today's name here.
    "past_key_values": "cache",
    "position_ids": "position_ids",
    "return_dict": "True",
    "use_cache": "use_cache",
}
# Arguments that say what is done with videos and sounds, which no program takes.
_NOT_GIVEN = ("video", "input_features")
_OF_KIND = Pattern("$_.get($kind)")
_FROM_ONE = Pattern("""
if position_ids is None:
    $seen = cache.get_seq_length() if cache is not None else 0
    position_ids = torch.arange(inputs_embeds.shape[1], device=inputs_embeds.device) + $seen
    position_ids = position_ids.unsqueeze(0) + 1
""")
_NOT_YET = '$encoded.get("image") is None and pixel_values is not None'
_COMMON = (
    possible("check", "if $_:\n    raise $_"),
    possible("cache", "if use_cache and cache is None:\n    cache = $_"),
    possible("training", "if self.training and $_ and $_:\n    ..."),
    possible(
        "positions that are counted",
        """
        if position_ids is None:
            $seen = {$cached.get_seq_length() if $cached is not None else 0}
            position_ids = torch.arange(inputs_embeds.shape[1], device=$_) + $seen
            position_ids = position_ids.unsqueeze(0)
        """,
    ),
    possible("return_dict", "kwargs['return_dict'] = True"),
    possible("nothing heard", "audio_outputs = None"),
    possible("length", "$_ = inputs_embeds.shape[1]"),
    possible(
        "positions of a length",
        """
        if position_ids is None:
            $device = input_ids.device if input_ids is not None else inputs_embeds.device
            $seen = cache.get_seq_length() if cache is not None else 0
            position_ids = torch.arange($seen, $length + $seen, dtype=torch.long, device=$device)
            position_ids = position_ids.unsqueeze(0)
        """,
    ),
    needed("outputs of encoders", "$encoded = $encoded if $encoded is not None else {}"),
)
_AFTER_TEXT = (
    needed("result", "return {$_(..., **$outputs), $_(**$outputs, image_outputs=$_, audio_outputs=$_), $outputs}"),
)
# The features of images as they are placed, under one condition each.
_PLACED_IF_ENCODED = (
    needed(
        "features of images",
        f"if {{{_NOT_YET}, {_NOT_YET} and pixel_values.size(0) > 0, {_NOT_YET} and inputs_embeds.shape[1] != 1, "
        f"{_NOT_YET} and self.config.image_token_id is not None}}:\n"
        '    $encoded["image"] = $features',
    ),
    needed("placing of images", 'if $encoded.get("image") is not None:\n    $...placing'),
)
_IF_GIVEN = Pattern("if $_ or pixel_values is not None:\n    ...\nelse:\n    ...")
_PLACED_IF_GIVEN = (
    needed(
        "features of images",
        """
        if isinstance($encoded, dict) and $encoded.get("image") or pixel_values is not None:
            if $encoded.get("image") is None:
                $encoded["image"] = $features
            $images = $encoded["image"].pooler_output
        elif isinstance($encoded, torch.Tensor):
            logger.warning($_)
            $images = $encoded
        else:
            $images = None
        """,
    ),
    needed("placing of images", "if $images is not None:\n    $...placing"),
)


@dataclass(frozen=True)
class BetweenTokensAndText:
    """What a model does with images.

    Attributes:
        features: its method that makes their features.
        call: the call of that.
        field: what of its output is placed.
        has_rows: whether that may have the rows and columns of an image, where tokens follow one another.
        token: the setting that holds the token whose places they take.
        embedded: what makes `token_ids`, which are embedded; empty where the given tokens are.
        layer_inputs: what is made of tokens for the layers of the text model; None where nothing is.
        both_ways: which tokens attend to one another both ways, if any do.
        from_one: whether positions are counted from 1.
        sections: how each token gets positions of several kinds; None where it has one.
        layer_features: what goes into layers of the text model beside; None where nothing does.
        projector: the model's module that projects features where they are placed; None where nothing does.
    """

    features: ast.FunctionDef
    call: ast.Call
    field: str
    has_rows: bool
    token: ast.expr
    embedded: str
    layer_inputs: LayerInputs | None
    both_ways: BothWays | None
    from_one: bool
    sections: Sections | None
    layer_features: LayerFeatures | None
    projector: str | None


def between_tokens_and_text(
    file: ModelingFile, model: ModelingClass, text_attribute: str, *, gives_logits: bool = False
) -> BetweenTokensAndText:
    """Read the forward of `model`, which calls its text model as `self.<text_attribute>`.

    Args:
        file: the file.
        model: the class that puts images among tokens.
        text_attribute: what it calls the text model.
        gives_logits: whether that is a causal LM, whose logits are those of the whole.

    Raises:
        Refusal: the forward does anything else, such as to place what it hears, or a second kind of images.
    """
    assert model.forward is not None
    embeddings = _embeddings(file, model, text_attribute)
    not_given = [name for name in parameters(model.forward) if any(kind in name for kind in _NOT_GIVEN)]
    today, is_older = as_today(model.forward.body)
    running = [_plain(item) for item in today if not _never_runs(item, not_given)]
    statements, first = masks_first(file, model, text_attribute, running)
    statements, embedded = with_given_tokens(file, model, statements)
    statements, both_ways = without_mask(file, statements)
    from_one = [item for item in statements if match(_FROM_ONE, item) is not None]
    statements = [item for item in statements if item not in from_one]
    is_given = any(match(_IF_GIVEN, item) for item in statements)
    sections, statements = sections_of(file, model, statements)
    deep, statements = layer_features(file, model, statements)
    found = read_statements(
        file,
        f"{model.name}.forward",
        statements,
        (
            *_COMMON,
            *(AFTER_TEXT if gives_logits else _AFTER_TEXT),
            *(_PLACED_IF_GIVEN if is_given else _PLACED_IF_ENCODED),
            _embedding_of_tokens([*(f"{name}()" for name in embeddings), *_table(file, model, text_attribute)]),
            needed("call of the text model", f"$outputs = self.{text_attribute}(...)"),
        ),
    )
    known = TEXT_ARGUMENTS | {"attention_mask": "attention_mask" if both_ways is None else both_ways.mask}
    if gives_logits:
        known |= TOLD
        check_logits(file, model, found)
    if deep is not None:
        known |= {deep.embeds: deep.embeds, deep.places: deep.places}
    if first.layer_inputs is not None:
        known |= {first.layer_inputs.argument: first.layer_inputs.argument}
    _check_text_arguments(file, model, found["call of the text model"], known)
    placing = found["placing of images"]
    field = _field(placing.rest("placing"))
    placed, projector = without_projection(model, placing.rest("placing"), field)
    given = placing.name("images") if is_given else f'{placing.name("encoded")}["image"].{field}'
    token = image_token_of_placing(file, model, placed, given, first.tokens)
    method, call = _features(file, model, found["features of images"])
    return BetweenTokensAndText(
        features=method,
        call=call,
        field=field,
        has_rows=is_older,
        token=token,
        embedded=first.embedded or embedded,
        layer_inputs=first.layer_inputs,
        both_ways=both_ways,
        from_one=bool(from_one),
        sections=sections,
        layer_features=deep,
        projector=projector,
    )


def _field(placing: Sequence[ast.stmt]) -> str:
    """What of an encoder's output is placed."""
    read = {node.attr for statement in placing for node in find(ast.Attribute, statement)}
    return "last_hidden_state" if "last_hidden_state" in read and "pooler_output" not in read else "pooler_output"


def _plain(statement: ast.stmt) -> ast.stmt:
    """A statement without what it says of types, `x["image"]: Output = ...`, in its body neither."""
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        return ast.copy_location(ast.Assign([statement.target], statement.value), statement)
    if isinstance(statement, ast.If):
        bodies = [[_plain(item) for item in part] for part in (statement.body, statement.orelse)]
        return ast.copy_location(ast.If(statement.test, *bodies), statement)
    return statement


def _embedding_of_tokens(embeddings: Sequence[str]) -> Known:
    forms = [
        f"self.{each}(input_ids){suffix}"
        for each in embeddings
        for suffix in ("", ".to(input_ids.device)", ".to(self.device)")
    ]
    return needed("embedding of tokens", f"if inputs_embeds is None:\n    $embeds = {{{', '.join(forms)}}}")


def _table(file: ModelingFile, model: ModelingClass, text_attribute: str) -> tuple[str, ...]:
    """The text model's table of token embeddings, where its class is of this file and gives no other."""
    built = model.assigned.get(text_attribute, ())
    text = own_text_class(file, built[0]) if len(built) == 1 and isinstance(built[0], ast.Call) else None
    gives_it = text is not None and "embed_tokens" in text.assigned and "get_input_embeddings" not in text.methods
    return (f"{text_attribute}.embed_tokens",) if gives_it else ()


def _embeddings(file: ModelingFile, model: ModelingClass, text_attribute: str) -> tuple[str, ...]:
    """What gives the text model's token embeddings.

    Raises:
        Refusal: the model has others.
    """
    own = model.methods.get("get_input_embeddings")
    of_text = f"{text_attribute}.get_input_embeddings"
    if own is not None and match(Pattern(f"return self.{of_text}()"), own.body[-1]) is None:
        raise refusal(
            file,
            f"`{model.name}` has token embeddings of its own",
            own.lineno,
            "those of its text model, which `get_input_embeddings` gives by default",
        )
    return "get_input_embeddings", of_text


def _never_runs(statement: ast.stmt, not_given: Collection[str]) -> bool:
    """Whether a statement waits for an argument that is not given, or for what is made of it."""

    def truth(test: ast.expr) -> bool | None:
        known = none_comparison(test, not_given)
        if known is None and isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.IsNot):
            found = match(_OF_KIND, test.left)
            if found is not None and spelled(found["kind"]).strip("\"'") in _NOT_GIVEN:
                return False
        return known

    return isinstance(statement, ast.If) and not statement.orelse and decided(statement.test, truth) is False


def _check_text_arguments(file: ModelingFile, model: ModelingClass, call: Match, known: Mapping[str, str]) -> None:
    node = call.node
    assert isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
    wrong = [spelled(item) for item in node.value.args] + [
        f"{item.arg}={spelled(item.value)}"
        for item in node.value.keywords
        if item.arg is not None and known.get(item.arg) != spelled(item.value)
    ]
    names = {item.arg for item in node.value.keywords}
    wrong += [f"no {name}" for name in ("inputs_embeds", "attention_mask", "position_ids") if name not in names]
    if wrong:
        raise refusal(
            file,
            f"`{model.name}.forward` hands its text model what a program for text does not have: {', '.join(wrong)}",
            node.lineno,
            "embeddings, mask, positions and cache, each by its name",
        )


def _features(file: ModelingFile, model: ModelingClass, found: Match) -> tuple[ast.FunctionDef, ast.Call]:
    """The model's own method that is called with the pixels, and the call."""
    call = found["features"]
    name = self_attribute(call.func) if isinstance(call, ast.Call) else None
    method = model.methods.get(name or "")
    if not isinstance(call, ast.Call) or method is None:
        raise refusal(
            file,
            f"`{model.name}.forward` makes the features of images by `{spelled(call)}`",
            call.lineno,
            "a call of a method of its own, with `pixel_values`",
        )
    return method, call
