"""Recognise the parts of an image-text model: from the class with the head inwards, statement by statement."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.deep_features import ADDED, DeepFeatures, deep_features
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, self_attribute
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.errors import Refusal
from qeff_codegen.image_text.handed_on import check_forward, check_handed_on
from qeff_codegen.image_text.head import head_around
from qeff_codegen.image_text.image_features import PIXELS, for_one_image, for_one_size
from qeff_codegen.image_text.known_statements import refusal
from qeff_codegen.image_text.model_forward import BetweenTokensAndText, between_tokens_and_text
from qeff_codegen.image_text.other_library import refuse_other_library
from qeff_codegen.image_text.over_causal_lm import causal_lm_called, check_unscaled, model_called
from qeff_codegen.image_text.own_text import has_sections, own_text_class
from qeff_codegen.image_text.parts import ImageTextParts
from qeff_codegen.image_text.side_inputs import SideInputs, side_inputs

PLACING = "masked_scatter"


def recognise_image_text(file: ModelingFile) -> ImageTextParts:
    """Find every part in `file`, whose image-text class upstream's own table names.

    Raises:
        Refusal: a part cannot be found, or a forward does more than to put the features of images among tokens.
    """
    refuse_other_library(file)
    whole = file.classes[file.upstream.image_text or ""]
    called = causal_lm_called(file, whole) if _places(whole) else None
    if called is not None:
        model_attribute, model = "", whole
        text_attribute, causal_lm = called
        inner, text_model = model_called(file, causal_lm)
        head, text_class = head_around(file, causal_lm, inner), None
        text_built = whole.assigned[text_attribute][0]
        check_forward(file, whole)
        # The language program calls the text model and the head itself, without the causal LM's forward.
        check_handed_on(file, causal_lm, inner, text_model)
        check_unscaled(file, causal_lm, head)
    else:
        model_attribute, model = _model(file, whole)
        inner, head = "", head_around(file, whole, model_attribute)
        check_handed_on(file, whole, model_attribute, model)
        text_attribute, text_built = _text_model(file, model)
        text_class = own_text_class(file, text_built)
    between = between_tokens_and_text(file, model, text_attribute, gives_logits=called is not None)
    if text_class is not None and has_sections(text_class) != (between.sections is not None):
        raise refusal(
            file,
            f"`{text_class.name}` and `{model.name}` do not agree on how many positions a token has",
            text_class.node.lineno,
            "positions of several kinds for a text model that takes them, and for no other",
        )
    tower, projectors = _called_on_pixels(file, model, between.features)
    code, is_changed, inputs = _image_features(file, between, is_linear=tower in model.made_by("Linear"))
    return ImageTextParts(
        file=file,
        conditional_generation=whole,
        model=model,
        model_attribute=model_attribute,
        head=head,
        text_attribute=text_attribute,
        inner_attribute=inner,
        text_built=text_built,
        text_class=text_class,
        sections=between.sections,
        deep=_deep_features(file, text_class, between),
        deep_layers=between.layer_features.chosen if between.layer_features is not None else "",
        features=between.features,
        features_code=code,
        features_changed=is_changed,
        features_field=between.field,
        features_rows=between.has_rows,
        inputs=inputs,
        tower_attribute=tower,
        projector_attributes=projectors,
        placing_projector=between.projector,
        token=spelled(between.token),
        token_node=between.token,
        embedded=between.embedded,
        layer_inputs=between.layer_inputs,
        both_ways=between.both_ways,
        from_one=between.from_one,
    )


def _deep_features(
    file: ModelingFile, text: ModelingClass | None, between: BetweenTokensAndText
) -> DeepFeatures | None:
    """How the text model takes features for its layers, where it is handed some."""
    given = between.layer_features
    if given is None:
        return None
    taken = None if text is None else deep_features(text)
    if taken is None or (taken.embeds, taken.places) != (given.embeds, given.places):
        raise refusal(
            file,
            f"the text model is handed `{given.embeds}`, and what it does with them is not known",
            between.features.lineno,
            f"a text model of this file, with `{ADDED.shown}`",
        )
    return taken


def _image_features(
    file: ModelingFile, between: BetweenTokensAndText, *, is_linear: bool
) -> tuple[Code, bool, SideInputs | None]:
    """The method as the vision program calls it: for any number of images, or for one, with what that takes.

    Args:
        file: the file.
        between: what the model does with images.
        is_linear: whether a projection takes the pixels, those of a patch in a row.
    """
    inputs = side_inputs(file, between.features, between.call)
    if is_linear and inputs.layout == "WholeImage":
        inputs = SideInputs("PatchTable", ())
    # That module makes numbers of the sizes that it is traced with.
    is_traced_once = any(cls.made_by("MultiheadAttention") for cls in file.classes.values())
    if inputs.layout == "WholeImage" and not is_traced_once:
        try:
            return (*for_one_size(file, between.features), None)
        except Refusal:
            # One image needs nothing of what was refused.
            pass
    return (*for_one_image(file, between.features), inputs)


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
    """Whether its forward, or a method of its own, places features by a mask."""
    return any(
        isinstance(call.func, ast.Attribute) and call.func.attr == PLACING
        for method in cls.methods.values()
        for call in find(ast.Call, method)
    )


def _text_model(file: ModelingFile, model: ModelingClass) -> tuple[str, ast.expr]:
    """The attribute of the text model, whose class is built for it from the text configuration."""
    built = [
        (attribute, value)
        for attribute, values in model.assigned.items()
        for value in values
        if isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and value.func.attr in ("from_config", "_from_config")
        and spelled(value.func.value) in (*file.imports, *file.classes)
        and "config.text_config" in map(spelled, (*value.args, *(item.value for item in value.keywords)))
    ]
    if len(built) != 1:
        raise refusal(
            file,
            f"`{model.name}` builds no text model from `config.text_config`",
            model.node.lineno,
            "one `self.<text model> = AutoModel.from_config(config.text_config)`, or a class of this file",
        )
    return built[0]


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
