"""What upstream's classes are called with and read from, where transformers releases differ.

Everything is asked of the classes themselves and nothing of a version, so a release between two known ones, and a
family that its release left behind, get the right answer. All else in validation is the same for every release.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache


@dataclass(frozen=True)
class RopeSettings:
    """A configuration's rotary settings.

    Attributes:
        name: what the configuration calls them.
        values: the settings themselves, with `rope_type` and, in 5.x, `rope_theta`; or settings by kind of layer.
    """

    name: str
    values: dict[str, Any]

    @property
    def by_layer_kind(self) -> dict[str, dict[str, Any]]:
        """The settings of each kind of layers; empty where all layers share them."""
        return {kind: value for kind, value in self.values.items() if isinstance(value, dict)}

    @property
    def original_maximum_is_an_attribute(self) -> bool:
        """Whether LongRoPE looks for the length at which it changes tables beside the settings, as 4.x does."""
        return self.name == "rope_scaling"


def rope_settings(config: Any) -> RopeSettings | None:
    """Rotary settings, or None for a family that has none.

    5.x keeps all of them in `rope_parameters`; 4.x has the base as an attribute, and `rope_scaling`, often None, for
    the rest. Where both names are there, the older one is another name of the newer.
    """
    if hasattr(config, "rope_parameters"):
        found = config.rope_parameters
        return RopeSettings("rope_parameters", found) if isinstance(found, dict) else None
    if hasattr(config, "rope_scaling"):
        return RopeSettings("rope_scaling", config.rope_scaling or {"rope_type": "default"})
    return None


def every_rope_setting(config: Any) -> Iterator[dict[str, Any]]:
    """The settings, and those of each kind of layers where they are apart."""
    found = rope_settings(config)
    if found is not None:
        yield found.values
        yield from found.by_layer_kind.values()


def with_readable_sizes(config: Any) -> Any:
    """`config`, and whatever it is asked for it answers.

    Since 5.24 a configuration whose layers have sizes of their own refuses to be read as a whole, unless it is told
    that the reader knows.
    """
    if getattr(config, "is_heterogeneous", False):
        config.allow_global_per_layer_attribute_access = True
    return config


def cache_argument(model: Any) -> str:
    """What `model.forward` calls its KV cache: `cache` since 5.24, `past_key_values` before."""
    return "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"


def logits_of(model: Any) -> Callable[..., torch.Tensor]:
    """Calls `model`, an image-text model, and gives its logits.

    In 5.24.0, `Llama4ForConditionalGeneration.forward` reads `image_outputs` off what its causal LM gives, which has
    none, so it fails once it has its logits. It is told there that there are none, and nothing else is changed.
    """

    def with_image_outputs(**given: Any) -> Any:
        def add(module: Any, arguments: Any, output: Any) -> None:
            output.image_outputs = None

        hooks = [child.register_forward_hook(add) for child in model.children() if hasattr(child, "lm_head")]
        try:
            return model(**given).logits
        finally:
            for hook in hooks:
                hook.remove()

    try:
        with torch.no_grad():
            model(input_ids=torch.tensor([[1, 2]]), use_cache=False)
    except AttributeError as error:
        if "image_outputs" not in str(error):
            raise
        return with_image_outputs
    return lambda **given: model(**given).logits


def states_go_on() -> bool:
    """Whether layers that keep a state go on from it in a call of several tokens, for which a cache must give it out.

    Before, they start such a call from nothing, and only a call of one token goes on.
    """
    return hasattr(DynamicCache, "get_recurrent_state")
