"""An image-text model with pixels and upstream's answers to them (Stage 1)."""

from __future__ import annotations

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
    layout_of,
    token_types,
)
from qeff_codegen.tiny_models.models import build_tiny_model
from qeff_codegen.tiny_models.release_differences import cache_argument
from qeff_codegen.validation.comparison import Trace, distinguishes
from qeff_codegen.validation.image_scenarios import ImageScenario, image_scenarios
from qeff_codegen.validation.subjects import MAX_SEEDS, MIN_CONTEXT_SENSITIVITY, UNCLEAR_CHOICE, Subject


@dataclass(frozen=True)
class ImageSubject(Subject):
    """A subject whose prompts have images.

    Attributes:
        pixels: for each scenario by its name, for each prompt, float32 `[images, *layout.shape]`.
        layout: how an image's pixels are laid out.
    """

    pixels: dict[str, tuple[torch.Tensor, ...]] | None = None
    layout: Any = None

    def pixels_of(self, scenario: ImageScenario) -> tuple[torch.Tensor, ...]:
        """The images of each prompt of a scenario."""
        assert self.pixels is not None
        return self.pixels[scenario.name]


def image_subject(family: ImageFamily, variant: Variant, both_ways: str | None = None) -> ImageSubject:
    """The variant's tiny model with the first seed that makes a sharp test, out of `MAX_SEEDS`.

    Sharp means: at every step the best two logits are further apart than the tolerance can blur, and another image
    moves the logits after it. If no seed is sharp, the last one is used and a note says so.

    Args:
        family: it.
        variant: which configuration of it.
        both_ways: whose tokens attend to one another both ways, `image` or `prompt`, which upstream is told by the
            types of a prompt's tokens; None where none do.
    """
    for seed in range(MAX_SEEDS):
        subject = _with_seed(family, variant, seed, both_ways)
        if not subject.notes:
            return subject
    return subject


def _with_seed(family: ImageFamily, variant: Variant, seed: int, both_ways: str | None) -> ImageSubject:
    model = build_tiny_model(family.model_class, build_image_config(family, variant), seed)
    layout = layout_of(model)
    tokens = sum(map(len, features_of_images(model, layout, torch.randn(1, *layout.shape))))
    vocab_size = model.config.get_text_config().vocab_size
    planned = image_scenarios(variant.kind, vocab_size, model.config.image_token_id, tokens, seed, both_ways)
    generator = torch.Generator().manual_seed(seed)
    pixels = {
        scenario.name: tuple(torch.randn(count, *layout.shape, generator=generator) for count in scenario.images)
        for scenario in planned
    }
    references = tuple(
        Trace(
            tuple(
                _logits(model, layout, prompt, images, new_tokens, both_ways)
                for prompt, images, new_tokens in zip(
                    scenario.prompts, pixels[scenario.name], scenario.new_tokens, strict=True
                )
            )
        )
        for scenario in planned
    )
    sensitivity = _image_sensitivity(model, layout, planned, pixels, both_ways)
    subject = ImageSubject(
        model_name=family.name,
        variant=variant.name,
        model=model,
        scenarios=planned,
        references=references,
        seed=seed,
        sensitivity=sensitivity,
        pixels=pixels,
        layout=layout,
    )
    return replace(subject, notes=tuple(_weaknesses(subject)))


def _weaknesses(subject: ImageSubject) -> list[str]:
    where = f"{subject.model_name}, {subject.variant}"
    found = []
    if not all(distinguishes(reference) for reference in subject.references):
        found.append(f"{where}: {UNCLEAR_CHOICE}, with every seed below {MAX_SEEDS}.")
    if subject.sensitivity is not None and subject.sensitivity < MIN_CONTEXT_SENSITIVITY:
        found.append(f"{where}: another image hardly moves the last logits, so a wrong place could go unnoticed.")
    return found


def _image_sensitivity(
    model: Any,
    layout: Any,
    planned: tuple[ImageScenario, ...],
    pixels: dict[str, tuple[torch.Tensor, ...]],
    both_ways: str | None,
) -> float:
    """Change of the last logits by another image, in units of their standard deviation."""
    scenario = next(item for item in planned if item.images == (1,))
    (prompt,), (images,) = scenario.prompts, pixels[scenario.name]
    before, after = (_logits(model, layout, prompt, each, 1, both_ways)[0] for each in (images, images.flip(-1)))
    return float(np.abs(before - after).max() / before.std())


def _logits(
    model: Any,
    layout: Any,
    prompt: tuple[int, ...],
    pixels: torch.Tensor,
    new_tokens: int,
    both_ways: str | None,
) -> np.ndarray:
    """Upstream's logits of each new token, the prompt with its pixels in one call, and each new token in another."""
    cache = DynamicCache(config=model.config.get_text_config())
    call, seen = list(prompt), 0
    logits: list[np.ndarray] = []
    with torch.no_grad():
        for step in range(new_tokens):
            seen += len(call)
            given: dict[str, Any] = {cache_argument(model): cache}
            if step == 0 and len(pixels):
                given |= inputs_of_images(model, layout, pixels)
            if step == 0 and both_ways is not None:
                given |= token_types(model, torch.tensor([call]), both_ways)
            output = model(
                input_ids=torch.tensor([call]),
                attention_mask=torch.ones(1, seen, dtype=torch.int64),
                use_cache=True,
                **given,
            )
            logits.append(output.logits[0, -1].float().numpy())
            call = [int(logits[-1].argmax())]
    return np.stack(logits)
