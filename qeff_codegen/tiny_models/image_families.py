"""From a model's name to its image-text class, and its tiny configurations: few pixels, and a tiny text model."""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoConfig

from qeff_codegen.errors import UsageError
from qeff_codegen.runtime.one_image import (
    ListedImage,
    PatchRows,
    PatchSquares,
    PatchStrip,
    PatchTable,
    TiledImage,
    WholeImage,
    vision_of,
)
from qeff_codegen.tiny_models.configurations import Variant
from qeff_codegen.tiny_models.image_sizes import AUDIO, BETWEEN, SHUFFLED, VISION
from qeff_codegen.tiny_models.release_differences import with_readable_sizes
from qeff_codegen.tiny_models.sizes import tiny_sizes

# The last token of the tiny vocabulary of 160.
IMAGE_TOKEN = 159
# Shorter than any image: a window in which image tokens attend to one another.
_WINDOW = 3
# By which image tokens attend to one another, where it is a setting.
_BOTH_WAYS = "use_bidirectional_attention"
# Each layer has keys of its own: later ones would not look at what layers before them made of image tokens.
_SEEING = {_BOTH_WAYS: "vision", "num_kv_shared_layers": 0}
# Of a family whose checkpoints have another text model than its configuration's, which has a window.
_OTHER_TEXT = {"gemma": "gemma2"}
# Settings of the tower; each does nothing by default.
_OF_TOWER: dict[str, Any] = {"standardize": True, "use_clipped_linears": True}
# Settings of the text model by which the class with the head scales logits; each has no effect by default.
_OF_LOGITS: dict[str, Any] = {"final_logit_softcapping": 5.0, "logits_scaling": 0.25}
# Heights and widths in pixels: of an image with more patches in a row than in a column; of one that leaves a part of
# its tiles empty; of one whose patches are merged twice; and of one below the size that the tower has positions for.
_WIDE = (16, 24)
_TALL = (32, 16)
_FLAT = (12, 32)
_LONG = (16, 32)
_FLAT_WHOLE = (8, 16)
# Where each patch stands, and how many patches an image is filled up to, as many as make whole tokens.
_PLACES = "image_position_ids"
_PATCHES = 40
# Towers that take patches as small images, and do not say so by a setting.
_OF_SQUARES = ("paddleocr_vl_vision",)
# How many pairs of features turn by time, by height and by width.
_SECTION = "mrope_section"
# Of a tower of three layers, for families that join the features of several.
_TWO_LAYERS = [-2, -1]


@dataclass(frozen=True)
class ImageFamily:
    """One family as transformers' Auto classes know it.

    Attributes:
        name: the name the user gave.
        config_class: its configuration class.
        model_class: upstream's image-text class.
    """

    name: str
    config_class: type[Any]
    model_class: type[Any]


def find_image_family(name: str, *, beside_causal_lm: bool = False) -> ImageFamily | None:
    """The image-text family of a model type in either spelling; None for one that has none, or has a causal LM too.

    Args:
        name: the model type.
        beside_causal_lm: whether one with a causal LM of its own is meant too.
    """
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    )

    plain = name.replace("-", "_")
    for model_type in CONFIG_MAPPING:
        if model_type.replace("-", "_") == plain:
            config_class: Any = CONFIG_MAPPING[model_type]
            if config_class not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
                return None
            model_class: Any = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING[config_class]
            # A causal LM of its own comes first, as for `find_model`.
            has_causal_lm = MODEL_FOR_CAUSAL_LM_MAPPING.get(config_class, model_class) is not model_class
            return None if has_causal_lm and not beside_causal_lm else ImageFamily(name, config_class, model_class)
    return None


def image_variants(family: ImageFamily) -> tuple[Variant, ...]:
    """The family's own setting, and another choice of each that it has: tower, window, text model, scale of logits."""
    base = _tiny(_default_config(family), _source_around(family))
    found = [Variant("base", "base", base)]
    found += [Variant(name, "base", base | extra) for name, extra in _texts(family, base).items()]
    found += [Variant(name, "flag", base | extra) for name, extra in _choices(family, base).items()]
    return tuple(item for item in found if item.overrides is base or _is_built(family, item.overrides))


def _default_config(family: ImageFamily) -> Any:
    """The family's configuration, with that of a tower also where a model may be without one."""
    config = family.config_class()
    return family.config_class(vision_config={}) if getattr(config, "vision_config", config) is None else config


def _texts(family: ImageFamily, base: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Where image tokens attend to one another, text models with a window that is shorter than an image."""
    if "block_sequence_ids" not in _source_around(family):
        return {}
    text = _default_config(family).get_text_config()
    found = {}
    if getattr(text, "sliding_window", None) is not None:
        found[f"sliding_window={_WINDOW}"] = base["text_config"] | {"sliding_window": _WINDOW}
    if hasattr(text, _BOTH_WAYS):
        for name, settings in {"": base["text_config"], **found}.items():
            found[", ".join(filter(None, (name, f"{_BOTH_WAYS}=vision")))] = settings | _SEEING
    other = _OTHER_TEXT.get(text.model_type)
    if other is not None:
        config_class: Any = type(AutoConfig.for_model(other))
        sizes = tiny_sizes(config_class, with_readable_sizes(config_class()))
        found[f"text {other}"] = {"model_type": other, **sizes, "sliding_window": _WINDOW}
    return {name: {"text_config": settings} for name, settings in found.items()}


def _choices(family: ImageFamily, base: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """For each other choice, by its name, the settings that make it; upstream need not take all."""
    default = _default_config(family)
    found: dict[str, dict[str, Any]] = {}
    strategy = getattr(default, "vision_feature_select_strategy", None)
    if strategy is not None:
        other = "full" if strategy == "default" else "default"
        found[f"vision_feature_select_strategy={other}"] = {"vision_feature_select_strategy": other}
    if hasattr(default, "vision_feature_layer"):
        for layers in (-2,) if "vision_feature_layer" in base else (_TWO_LAYERS, -2):
            if layers != default.vision_feature_layer:
                found[f"vision_feature_layer={layers}"] = {"vision_feature_layer": layers}
    if getattr(default, "audio_config", default) is None:
        found["with audio"] = {"audio_config": AUDIO}
    for name, value in _OF_TOWER.items():
        if hasattr(vision_of(default), name):
            found[f"{name}={value}"] = {"vision_config": base["vision_config"] | {name: value}}
    source = inspect.getsource(family.model_class.forward)
    for name, value in _OF_LOGITS.items():
        if name in source and hasattr(default.get_text_config(), name):
            found[f"{name}={value}"] = {"text_config": base["text_config"] | {name: value}}
    if "image_token_id >= self.vocab_size" in _source_around(family):
        outside = IMAGE_TOKEN + 1
        found[f"image_token_id={outside}"] = {"image_token_id": outside}
    return found


def _source_around(family: ImageFamily) -> str:
    """The text of the file that defines the family's class."""
    return inspect.getsource(sys.modules[family.model_class.__module__])


def build_image_config(family: ImageFamily, variant: Variant) -> Any:
    """The variant's configuration, with eager attention in both models."""
    config = family.config_class(**copy.deepcopy(variant.overrides))
    config._attn_implementation = "eager"
    return config


def _tiny(default: Any, source: str) -> dict[str, Any]:
    text, vision = default.get_text_config(), vision_of(default)
    if text is default or not hasattr(vision, "patch_size") and vision is default:
        raise UsageError(
            f"{type(default).__name__} has no text_config and vision_config, so no tiny model can be made of it."
        )
    text_sizes = tiny_sizes(type(text), with_readable_sizes(text))
    vision_sizes = {name: _like(getattr(vision, name), size) for name, size in VISION.items() if hasattr(vision, name)}
    if hasattr(vision, "embed_dim") and "hidden_size" in vision_sizes:
        # A tower that has both is as wide as the first, and gives what is as wide as the text.
        vision_sizes["hidden_size"] = text_sizes["hidden_size"]
    if "text_config.pad_token_id" in source:
        # It stands in for images where tokens are embedded.
        text_sizes["pad_token_id"] = text.pad_token_id
    if hasattr(vision, "pixel_shuffle_ratio"):
        # What its patches are made of where four of them become one, and what a projection of the tower makes of that.
        vision_sizes |= {"intermediate_size": 4 * VISION["hidden_size"], **SHUFFLED}
    # The second is what older releases call it in one family.
    joined = [
        name
        for name in ("vision_feature_layer", "vision_feature_layers")
        if isinstance(getattr(default, name, None), list | tuple)
    ]
    return {
        **dict.fromkeys(joined, _TWO_LAYERS),
        "text_config": {"model_type": text.model_type, **text_sizes, **_sections(type(text), text_sizes, source)},
        # A model without a tower has the sizes of patches beside those of its text model.
        **(
            {name: vision_sizes[name] for name in ("image_size", "num_channels", "patch_size")}
            if vision is default
            else {"vision_config": {"model_type": vision.model_type, **vision_sizes}}
        ),
        **{name: value for name, value in BETWEEN.items() if hasattr(default, name)},
        "image_token_id": IMAGE_TOKEN,
    }


def _sections(text_class: type[Any], sizes: dict[str, Any], source: str) -> dict[str, Any]:
    """Rotary settings of a text model that rotates by several kinds of position: sections of its tiny heads."""
    is_known = _SECTION in getattr(text_class, "ignore_keys_at_rope_validation", ())
    if not is_known and f'rope_parameters.get("{_SECTION}"' not in source:
        return {}
    try:
        config = text_class(**copy.deepcopy(sizes))
    except Exception:  # it may hold the sections of large heads against tiny ones
        config = text_class()
        config.head_dim = sizes.get("head_dim") or sizes["hidden_size"] // sizes["num_attention_heads"]
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    pairs = int(head_dim * config.rope_parameters.get("partial_rotary_factor", 1.0)) // 2
    # As different as there is room for.
    height, width = (5, 3) if pairs == 16 else (pairs // 4, pairs // 4)
    sections = [pairs - height - width, height, width]
    # At the usual base, the features of the last section hardly turn between one column of an image and the next.
    return {"rope_parameters": {**config.rope_parameters, "rope_theta": 10.0, _SECTION: sections}}


def _like(default: Any, size: Any) -> Any:
    """A size as the configuration writes it: height and width, where it has both."""
    if isinstance(size, list) or not isinstance(default, list | tuple):
        return size
    return type(default)([size] * len(default))


def _is_built(family: ImageFamily, overrides: dict[str, Any]) -> bool:
    """Whether upstream makes a model of these settings that makes features of images."""
    try:
        model = family.model_class(family.config_class(**copy.deepcopy(overrides))).eval()
        layout = layout_of(model)
        features_of_images(model, layout, torch.zeros(1, *layout.shape))
    except Exception:  # upstream's code may raise anything
        return False
    return True


def takes_sizes(model_class: type[Any]) -> bool:
    """Whether upstream's class takes images of any size, each with its grid of patches, or the place of each patch."""
    method = getattr(model_class, "get_image_features", None)
    asked = {} if method is None else inspect.signature(method).parameters
    return "image_grid_thw" in asked or _PLACES in asked


def layouts_of(model: Any) -> list[Any]:
    """How an image of the tiny size is laid out, and one of another size, where the model takes any."""
    own = layout_of(model)
    return [own, type(own)(model.config, _TALL)] if takes_sizes(type(model)) else [own]


def layout_of(model: Any) -> Any:
    """How an image of the tiny size is laid out for upstream's model, by what that asks for beside pixels."""
    asked = inspect.signature(model.base_model.get_image_features).parameters
    vision = vision_of(model.config)
    if "image_grid_thw" in asked and (hasattr(vision, "merge_kernel_size") or vision.model_type in _OF_SQUARES):
        return PatchSquares(model.config, _WIDE)
    if "image_grid_thw" in asked:
        return PatchRows(model.config, _WIDE)
    if vision_of(model.config) is model.config:
        return PatchTable(model.config, _WIDE)
    if "target_sizes" in asked:
        return PatchStrip(model.config, _LONG)
    if "spatial_shapes" in asked or _PLACES in asked:
        return PatchTable(model.config, _WIDE)
    if hasattr(model.config, "image_grid_pinpoints"):
        return TiledImage(model.config, _FLAT)
    if "pixel_attention_mask" in asked:
        return ListedImage(model.config)
    return WholeImage(model.config, _FLAT_WHOLE if _is_needed(asked.get("image_sizes")) else None)


def _is_needed(parameter: inspect.Parameter | None) -> bool:
    return parameter is not None and parameter.default is inspect.Parameter.empty


def inputs_of_images(model: Any, layouts: Sequence[Any], pixels: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
    """What upstream's model takes of images.

    Args:
        layouts: how each is laid out.
        pixels: of each, in the shape of its layout.
    """
    layout = layouts[0]
    asked = inspect.signature(model.base_model.get_image_features).parameters
    beside = {
        name: [getattr(each, name) for each in layouts]
        for name, parameter in asked.items()
        if hasattr(layout, name) and (_is_needed(parameter) or not isinstance(layout, WholeImage))
    }
    given = list(pixels)
    if _PLACES in beside:
        # As processors do it: every image is filled up with patches that are nowhere.
        given = [_filled_up(each, 0.0) for each in given]
        beside[_PLACES] = [_filled_up(each, -1) for each in beside[_PLACES]]
    return {
        "pixel_values": torch.cat(given, dim=layout.images_axis),
        **{name: torch.cat(values) for name, values in beside.items()},
    }


def _filled_up(rows: torch.Tensor, value: float) -> torch.Tensor:
    """Rows of patches, `[1, patches, values]`, and as many more of one value as make `_PATCHES`."""
    return torch.nn.functional.pad(rows, (0, 0, 0, _PATCHES - rows.shape[1]), value=value)


def token_types(model: Any, input_ids: torch.Tensor, both_ways: str) -> dict[str, torch.Tensor]:
    """What upstream's model is told of the types of a prompt's tokens, as its processor does.

    Args:
        input_ids: int64 `[batch_size, seq_len]`.
        both_ways: `image`, where those of image tokens are 1 and others 0; `prompt`, where all are 0.
    """
    asked = inspect.signature(model.forward).parameters
    name = next(name for name in ("token_type_ids", "mm_token_type_ids") if name in asked)
    is_image = (input_ids == model.config.image_token_id).to(torch.int64)
    return {name: is_image if both_ways == "image" else torch.zeros_like(is_image)}


def features_of_images(model: Any, layout: Any, pixels: torch.Tensor) -> list[torch.Tensor]:
    """What upstream's model puts in the places of each image's tokens, `[tokens, hidden]`.

    Older releases give an image's rows and columns as axes.
    """
    with torch.no_grad():
        given = inputs_of_images(model, [layout] * len(pixels), list(pixels))
        outputs = model.base_model.get_image_features(**given, return_dict=True)
        features = outputs.last_hidden_state if outputs.pooler_output is None else outputs.pooler_output
        return [own.reshape(-1, own.shape[-1]) for own in features]
