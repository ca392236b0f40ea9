"""An image-text model with pixels and upstream's answers to them (Stage 1)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from qeff_codegen.tiny_models.configurations import Variant
from qeff_codegen.tiny_models.image_families import (
    ImageFamily,
    build_image_config,
    features_of_images,
    inputs_of_images,
    layouts_of,
    token_types,
)
from qeff_codegen.tiny_models.models import build_tiny_model
from qeff_codegen.tiny_models.release_differences import cache_argument, logits_of
from qeff_codegen.validation.comparison import Trace, distinguishes
from qeff_codegen.validation.image_scenarios import ImageScenario, image_scenarios
from qeff_codegen.validation.subjects import MAX_SEEDS, MIN_CONTEXT_SENSITIVITY, UNCLEAR_CHOICE, Subject

# The pixels of a prompt's images, one after the other.
Images = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class ImageSubject(Subject):
    """A subject whose prompts have images.

    Attributes:
        pixels: for each scenario by its name, for each prompt, its images, float32 in the shape of their layout.
        layouts: how an image's pixels are laid out, and those of one of another size, where there are any.
    """

    pixels: dict[str, tuple[Images, ...]] | None = None
    layouts: tuple[Any, ...] = ()

    def pixels_of(self, scenario: ImageScenario) -> tuple[Images, ...]:
        """The images of each prompt of a scenario."""
        assert self.pixels is not None
        return self.pixels[scenario.name]

    def layouts_of(self, scenario: ImageScenario) -> list[list[Any]]:
        """How the images of each prompt of a scenario are laid out."""
        return [[self.layouts[is_other] for is_other in others] for others in scenario.others]


def image_subject(
    family: ImageFamily,
    variant: Variant,
    both_ways: str | None = None,
    layouts_for: Callable[[Any], list[Any]] = layouts_of,
) -> ImageSubject:
    """The variant's tiny model with the first seed that makes a sharp test, out of `MAX_SEEDS`.

    Sharp means: at every step the best two logits are further apart than the tolerance can blur, and another image
    moves the logits after it. If no seed is sharp, the last one is used and a note says so.

    Args:
        family: it.
        variant: which configuration of it.
        both_ways: whose tokens attend to one another both ways, `image` or `prompt`, which upstream is told by the
            types of a prompt's tokens; None where none do.
        layouts_for: of a model, how its images are laid out: one size, or two.
    """
    for seed in range(MAX_SEEDS):
        subject = _with_seed(family, variant, seed, both_ways, layouts_for)
        if not subject.notes:
            return subject
    return subject


def _with_seed(
    family: ImageFamily,
    variant: Variant,
    seed: int,
    both_ways: str | None,
    layouts_for: Callable[[Any], list[Any]],
) -> ImageSubject:
    model = build_tiny_model(family.model_class, build_image_config(family, variant), seed)
    subject = answered(model, family.name, variant, seed, both_ways, layouts_for)
    with_image = next(item for item in subject.scenarios if isinstance(item, ImageScenario) and item.images == (1,))
    (prompt,), (images,) = with_image.prompts, subject.pixels_of(with_image)
    sensitivity = min(
        _image_sensitivity(model, subject.layouts[:1], prompt, images, both_ways),
        _section_sensitivity(model, subject.layouts[:1], prompt, images, both_ways),
    )
    subject = replace(subject, sensitivity=sensitivity)
    return replace(subject, notes=tuple(_weaknesses(subject)))


def answered(
    model: Any,
    name: str,
    variant: Variant,
    seed: int,
    both_ways: str | None,
    layouts_for: Callable[[Any], list[Any]] = layouts_of,
) -> ImageSubject:
    """A model with the scenarios of its variant, pixels drawn from `seed`, and upstream's answers to them.

    Args:
        model: upstream's, or one of a class that stands in its place.
        name: the family's.
        variant: which configuration of it the model has.
        seed: of the text and the pixels.
        both_ways: as for `image_subject`.
        layouts_for: likewise.
    """
    layouts = tuple(layouts_for(model))
    tokens = [sum(map(len, features_of_images(model, each, torch.randn(1, *each.shape)))) for each in layouts]
    vocab_size = model.config.get_text_config().vocab_size
    planned = image_scenarios(
        variant.kind, vocab_size, model.config.image_token_id, tokens, seed, both_ways, apart=counts_on(model)
    )
    generator = torch.Generator().manual_seed(seed)
    pixels = {
        scenario.name: tuple(
            tuple(torch.randn(layouts[is_other].shape, generator=generator) for is_other in others)
            for others in scenario.others
        )
        for scenario in planned
    }
    references = tuple(
        Trace(
            tuple(
                _logits(model, [layouts[is_other] for is_other in others], prompt, images, new_tokens, both_ways)
                for prompt, images, others, new_tokens in zip(
                    scenario.prompts, pixels[scenario.name], scenario.others, scenario.new_tokens, strict=True
                )
            )
        )
        for scenario in planned
    )
    return ImageSubject(
        model_name=name,
        variant=variant.name,
        model=model,
        scenarios=planned,
        references=references,
        seed=seed,
        pixels=pixels,
        layouts=layouts,
    )


def counts_on(model: Any) -> bool:
    """Whether upstream's model keeps how far the tokens behind a prompt's images are ahead of their places.

    One that makes no positions by images may have the attribute all the same (EXAONE 4.5).
    """
    return hasattr(model.base_model, "rope_deltas") and hasattr(model.base_model, "get_rope_index")


def _weaknesses(subject: ImageSubject) -> list[str]:
    where = f"{subject.model_name}, {subject.variant}"
    found = []
    if not all(distinguishes(reference) for reference in subject.references):
        found.append(f"{where}: {UNCLEAR_CHOICE}, with every seed below {MAX_SEEDS}.")
    if subject.sensitivity is not None and subject.sensitivity < MIN_CONTEXT_SENSITIVITY:
        found.append(
            f"{where}: another image, or its rows for columns, hardly moves the last logits: a mistake could hide."
        )
    return found


def _image_sensitivity(
    model: Any, layouts: Sequence[Any], prompt: tuple[int, ...], images: Images, both_ways: str | None
) -> float:
    """Change of the last logits by another image, in units of their standard deviation."""
    flipped = tuple(image.flip(-1) for image in images)
    before, after = (_logits(model, layouts, prompt, each, 1, both_ways)[0] for each in (images, flipped))
    return float(np.abs(before - after).max() / before.std())


def _section_sensitivity(
    model: Any, layouts: Sequence[Any], prompt: tuple[int, ...], images: Images, both_ways: str | None
) -> float:
    """The least change of the last logits by positions of one kind for those of another, in the same units.

    Infinite where each token has one position.
    """
    if not counts_on(model):
        return float("inf")
    tokens = torch.tensor([prompt])
    is_image = (tokens == model.config.image_token_id).int()
    sections, _ = model.base_model.get_rope_index(
        input_ids=tokens, mm_token_type_ids=is_image, image_grid_thw=layouts[0].image_grid_thw
    )
    given = beside_tokens(model, layouts, tokens, images, both_ways)
    with torch.no_grad():
        before, *others = [
            model(input_ids=tokens, position_ids=sections[order], use_cache=False, **given).logits[0, -1]
            for order in ([0, 1, 2], [1, 0, 2], [0, 2, 1])
        ]
    return min(float((after - before).abs().max() / before.std()) for after in others)


def beside_tokens(
    model: Any, layouts: Sequence[Any], input_ids: torch.Tensor, pixels: Images, both_ways: str | None
) -> dict[str, torch.Tensor]:
    """What upstream's model takes of a prompt beside its tokens: images, and which tokens are of which type."""
    given: dict[str, torch.Tensor] = {}
    if len(pixels):
        given |= inputs_of_images(model, layouts, pixels)
        if "mm_token_type_ids" in inspect.signature(model.forward).parameters:
            given["mm_token_type_ids"] = (input_ids == model.config.image_token_id).int()
    if both_ways is not None:
        given |= token_types(model, input_ids, both_ways)
    return given


def _logits(
    model: Any,
    layouts: Sequence[Any],
    prompt: tuple[int, ...],
    pixels: Images,
    new_tokens: int,
    both_ways: str | None,
) -> np.ndarray:
    """Upstream's logits of each new token, the prompt with its pixels in one call, and each new token in another."""
    cache = DynamicCache(config=model.config.get_text_config())
    call_model = logits_of(model)
    if counts_on(model):
        # How far the tokens behind another prompt's images were ahead: `generate()` forgets it.
        model.base_model.rope_deltas = None
    call, seen = list(prompt), 0
    logits: list[np.ndarray] = []
    with torch.no_grad():
        for step in range(new_tokens):
            seen += len(call)
            given: dict[str, Any] = {cache_argument(model): cache}
            if not counts_on(model):
                # With a mask, what counts on from an image would give every token that is cached a position again.
                given["attention_mask"] = torch.ones(1, seen, dtype=torch.int64)
            if step == 0:
                given |= beside_tokens(model, layouts, torch.tensor([call]), pixels, both_ways)
            output = call_model(input_ids=torch.tensor([call]), use_cache=True, **given)
            logits.append(output[0, -1].float().numpy())
            call = [int(logits[-1].argmax())]
    return np.stack(logits)
