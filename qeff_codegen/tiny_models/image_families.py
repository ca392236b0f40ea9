"""From a model's name to its image-text class, and its tiny configurations: few pixels, and a tiny text model."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch

from qeff_codegen.errors import UsageError
from qeff_codegen.export.vision_export import image_shape
from qeff_codegen.tiny_models.configurations import Variant
from qeff_codegen.tiny_models.release_differences import with_readable_sizes
from qeff_codegen.tiny_models.sizes import tiny_sizes

# The last token of the tiny vocabulary of 160.
IMAGE_TOKEN = 159
_VISION = {
    "hidden_size": 32,
    "image_size": 16,
    "intermediate_size": 48,
    "num_attention_heads": 4,
    "num_channels": 3,
    "num_hidden_layers": 3,
    "patch_size": 4,
    # Where a projector ends in it, it is the text model's width.
    "projection_dim": 64,
    # No vector for an image as a whole, for which no token stands; towers compute it by an attention that the export
    # refuses, since its sizes would be those of the traced example.
    "vision_use_head": False,
}
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


def find_image_family(name: str) -> ImageFamily | None:
    """The image-text family of a model type in either spelling; None for one that has none, or has a causal LM."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    )

    plain = name.replace("-", "_")
    for model_type in CONFIG_MAPPING:
        if model_type.replace("-", "_") == plain:
            config_class: Any = CONFIG_MAPPING[model_type]
            if config_class in MODEL_FOR_CAUSAL_LM_MAPPING or config_class not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
                return None
            model_class: Any = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING[config_class]
            return ImageFamily(name, config_class, model_class)
    return None


def image_variants(family: ImageFamily) -> tuple[Variant, ...]:
    """The family's own setting, and where it chooses layers or patches of the tower, another choice of each."""
    default = family.config_class()
    base = _tiny(default)
    others: dict[str, Any] = {}
    strategy = getattr(default, "vision_feature_select_strategy", None)
    if strategy is not None:
        others["vision_feature_select_strategy"] = "full" if strategy == "default" else "default"
    if hasattr(default, "vision_feature_layer"):
        others["vision_feature_layer"] = -2 if "vision_feature_layer" in base else _TWO_LAYERS
    found = [Variant("base", "base", base)]
    for name, value in others.items():
        if _is_built(family, base | {name: value}):
            found.append(Variant(f"{name}={value}", "flag", base | {name: value}))
    return tuple(found)


def build_image_config(family: ImageFamily, variant: Variant) -> Any:
    """The variant's configuration, with eager attention in both models."""
    config = family.config_class(**copy.deepcopy(variant.overrides))
    config._attn_implementation = "eager"
    return config


def _tiny(default: Any) -> dict[str, Any]:
    text, vision = default.get_text_config(), getattr(default, "vision_config", None)
    if vision is None or text is default:
        raise UsageError(
            f"{type(default).__name__} has no text_config and vision_config, so no tiny model can be made of it."
        )
    text_sizes = tiny_sizes(type(text), with_readable_sizes(text))
    vision_sizes = {
        name: _like(getattr(vision, name), size) for name, size in _VISION.items() if hasattr(vision, name)
    }
    joined = isinstance(getattr(default, "vision_feature_layer", None), list | tuple)
    return {
        **({"vision_feature_layer": _TWO_LAYERS} if joined else {}),
        "text_config": {"model_type": text.model_type, **text_sizes},
        "vision_config": {"model_type": vision.model_type, **vision_sizes},
        "image_token_id": IMAGE_TOKEN,
    }


def _like(default: Any, size: Any) -> Any:
    """A size as the configuration writes it: height and width, where it has both."""
    return type(default)([size] * len(default)) if isinstance(default, list | tuple) else size


def _is_built(family: ImageFamily, overrides: dict[str, Any]) -> bool:
    """Whether upstream makes a model of these settings that makes features of images."""
    try:
        model = family.model_class(family.config_class(**copy.deepcopy(overrides))).eval()
        features_of_images(model, torch.zeros(1, *image_shape(model.config)))
    except Exception:  # upstream's code may raise anything
        return False
    return True


def features_of_images(model: Any, pixels: torch.Tensor) -> list[torch.Tensor]:
    """What upstream's model puts in the places of each image's tokens, `[tokens, hidden]`."""
    with torch.no_grad():
        return list(model.base_model.get_image_features(pixel_values=pixels, return_dict=True).pooler_output)
