"""Recognise the parts of an image-text model: from the class with the head inwards, statement by statement."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, self_attribute
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.image_text.image_features import PIXELS, for_one_size
from qeff_codegen.image_text.image_token import image_token
from qeff_codegen.image_text.known_statements import needed, possible, read_statements, refusal
from qeff_codegen.image_text.other_library import refuse_other_library
from qeff_codegen.image_text.parts import ImageTextParts
from qeff_codegen.image_text.placing import check_placing
from qeff_codegen.patterns.match import Match

CHECKED = possible("check", "if $_:\n    raise $_")
PLACING = "masked_scatter"
# What the text model may be given, with what; the program for text gives it the same, or a mask made of positions.
TEXT_ARGUMENTS = {
    "attention_mask": "attention_mask",
    "cache": "cache",
    "inputs_embeds": "inputs_embeds",
    "past_key_values": "past_key_values",
    "position_ids": "position_ids",
    "return_dict": "True",
    "use_cache": "use_cache",
}


def recognise_image_text(file: ModelingFile) -> ImageTextParts:
    """Find every part in `file`, whose image-text class upstream's own table names.

    Raises:
        Refusal: a part cannot be found, or a forward does more than to put the features of images among tokens.
    """
    refuse_other_library(file)
    whole = file.classes[file.upstream.image_text or ""]
    model_attribute, model = _model(file, whole)
    head_attribute, cache_field = _around_the_model(file, whole, model_attribute)
    text_attribute, text_built = _text_model(file, model)
    features, placeholders = _between_tokens_and_text(file, model, text_attribute)
    token = image_token(file, model, placeholders)
    code, is_changed = for_one_size(file, features)
    tower, projectors = _called_on_pixels(file, model, features)
    return ImageTextParts(
        file=file,
        conditional_generation=whole,
        model=model,
        model_attribute=model_attribute,
        head_attribute=head_attribute,
        text_attribute=text_attribute,
        text_built=text_built,
        features=features,
        features_code=code,
        features_changed=is_changed,
        tower_attribute=tower,
        projector_attributes=projectors,
        token=spelled(token),
        token_node=token,
        cache_field=cache_field,
    )


def _model(file: ModelingFile, whole: ModelingClass) -> tuple[str, ModelingClass]:
    """What the class with the head calls to get hidden states, and its class, which puts images among tokens."""
    for call in find(ast.Call, whole.forward):
        attribute = self_attribute(call.func) or ""
        built = whole.built.get(attribute, ())
        if len(built) == 1 and _places(file.classes[built[0]]):
            return attribute, file.classes[built[0]]
    line = (whole.forward or whole.node).lineno
    raise refusal(
        file,
        f"`{whole.name}` calls no model of this file that puts the features of images in the places of tokens",
        line,
        f"a model, built and called by it, whose forward has `inputs_embeds.{PLACING}(mask, features)` once",
    )


def _places(cls: ModelingClass) -> bool:
    return any(isinstance(call.func, ast.Attribute) and call.func.attr == PLACING for call in _calls(cls.forward))


def _calls(function: ast.FunctionDef | None) -> Iterator[ast.Call]:
    yield from find(ast.Call, function)


def _around_the_model(file: ModelingFile, whole: ModelingClass, model_attribute: str) -> tuple[str, str]:
    """The head's attribute, and what the output of the model calls the cache."""
    assert whole.forward is not None
    heads = [
        name
        for call in find(ast.Call, whole.forward)
        if (name := self_attribute(call.func)) is not None and name in whole.made_by("Linear")
    ]
    if len(heads) != 1:
        raise refusal(
            file,
            f"`{whole.name}` calls {len(heads)} heads",
            whole.forward.lineno,
            "one `self.<head>(hidden_states)` with an nn.Linear",
        )
    head = heads[0]
    found = read_statements(
        file,
        f"{whole.name}.forward",
        whole.forward.body,
        (
            needed("call of the model", f"$outputs = self.{model_attribute}(...)"),
            needed("hidden states", "$hidden = {$outputs[0], $outputs.last_hidden_state}"),
            possible("kept tokens", "$hidden = slice_logits_to_keep($hidden, $_)"),
            needed("logits", f"$logits = self.{head}($hidden)"),
            possible("no loss", "loss = None"),
            possible("loss", "if labels is not None:\n    loss = $_"),
            needed("result", "return $_(...)"),
        ),
    )
    outputs = found["call of the model"].name("outputs")
    returned = found["result"].node
    assert isinstance(returned, ast.Return) and isinstance(returned.value, ast.Call)
    given = {item.arg: spelled(item.value) for item in returned.value.keywords}
    for field in ("cache", "past_key_values"):
        if given.get(field) == f"{outputs}.{field}" and given.get("logits") == found["logits"].spelled("logits"):
            return head, field
    raise refusal(
        file,
        f"`{whole.name}.forward` does not return its logits and the cache as they are",
        returned.lineno,
        f"`logits=logits, cache={outputs}.cache`",
    )


def _text_model(file: ModelingFile, model: ModelingClass) -> tuple[str, ast.expr]:
    """The attribute of the text model, which another file's class is built for from the text configuration."""
    built = [
        (attribute, value)
        for attribute, values in model.assigned.items()
        for value in values
        if isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and value.func.attr in ("from_config", "_from_config")
        and spelled(value.func.value) in file.imports
        and "config.text_config" in map(spelled, (*value.args, *(item.value for item in value.keywords)))
    ]
    if len(built) != 1:
        raise refusal(
            file,
            f"`{model.name}` builds no text model of another file from `config.text_config`",
            model.node.lineno,
            "one `self.<text model> = AutoModel.from_config(config.text_config)`, whose family is generated by itself",
        )
    return built[0]


def _between_tokens_and_text(
    file: ModelingFile, model: ModelingClass, text_attribute: str
) -> tuple[ast.FunctionDef, Match]:
    """The method that makes image features, and the call of what says where they go.

    Raises:
        Refusal: the forward does anything else, such as to place what it hears, or a second kind of images.
    """
    assert model.forward is not None
    _refuse_other_embeddings(file, model)
    found = read_statements(
        file,
        f"{model.name}.forward",
        model.forward.body,
        (
            CHECKED,
            needed(
                "embedding of tokens",
                "if inputs_embeds is None:\n    $embeds = self.get_input_embeddings()(input_ids)",
            ),
            needed("outputs of encoders", "$encoded = $encoded if $encoded is not None else {}"),
            needed(
                "features of images",
                'if $encoded.get("image") is None and pixel_values is not None:\n    $encoded["image"] = $features',
            ),
            needed("placing of images", 'if $encoded.get("image") is not None:\n    $...placing'),
            needed("call of the text model", f"$outputs = self.{text_attribute}(...)"),
            needed("result", "return $_(..., **$outputs)"),
        ),
    )
    _check_text_arguments(file, model, found["call of the text model"])
    placing = found["placing of images"]
    return _features(file, model, found["features of images"]), check_placing(file, model, placing)


def _refuse_other_embeddings(file: ModelingFile, model: ModelingClass) -> None:
    own = model.methods.get("get_input_embeddings")
    if own is not None:
        raise refusal(
            file,
            f"`{model.name}` has token embeddings of its own",
            own.lineno,
            "those of its text model, which `get_input_embeddings` gives by default",
        )


def _check_text_arguments(file: ModelingFile, model: ModelingClass, call: Match) -> None:
    node = call.node
    assert isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
    wrong = [spelled(item) for item in node.value.args] + [
        f"{item.arg}={spelled(item.value)}"
        for item in node.value.keywords
        if item.arg is not None and TEXT_ARGUMENTS.get(item.arg) != spelled(item.value)
    ]
    if wrong:
        raise refusal(
            file,
            f"`{model.name}.forward` hands its text model what a program for text does not have: {', '.join(wrong)}",
            node.lineno,
            "embeddings, mask, positions and cache, each by its name",
        )


def _features(file: ModelingFile, model: ModelingClass, found: Match) -> ast.FunctionDef:
    """The model's own method that is called with the pixels and nothing else that is given."""
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
    given = [*call.args, *(item.value for item in call.keywords if item.arg in (PIXELS, None))]
    pixels = [item for item in given if spelled(item) in (PIXELS, f"{PIXELS}.to(inputs_embeds.dtype)")]
    others = [item for item in call.args if item not in pixels]
    others += [
        item.value
        for item in call.keywords
        if item.arg not in (PIXELS, None, "return_dict") and spelled(item.value) != item.arg
    ]
    if len(pixels) != 1 or others:
        raise refusal(
            file,
            f"`{model.name}.forward` makes the features of images of more than pixels: `{spelled(call)}`",
            call.lineno,
            "`pixel_values`, and settings by their names, which the configuration gives",
        )
    return method


def _called_on_pixels(
    file: ModelingFile, model: ModelingClass, method: ast.FunctionDef
) -> tuple[str, tuple[str, ...]]:
    """The attribute of the vision tower, and those of the other modules that make image features."""
    called = [
        (name, call)
        for call in find(ast.Call, method)
        if (name := self_attribute(call.func)) is not None and name in model.assigned
    ]
    towers = [
        name
        for name, call in called
        if any(spelled(item).startswith(PIXELS) for item in (*call.args, *(item.value for item in call.keywords)))
    ]
    if len(set(towers)) != 1:
        raise refusal(
            file,
            f"`{model.name}.{method.name}` hands its pixels to {len(set(towers))} modules",
            method.lineno,
            "one `self.<vision tower>(pixel_values)`",
        )
    return towers[0], tuple(dict.fromkeys(name for name, _ in called if name != towers[0]))
