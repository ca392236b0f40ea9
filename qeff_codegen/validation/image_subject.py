"""An image-text model with pixels and upstream's answers to them (Stage 1)."""

from __future__ import annotations

import inspect
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


def image_subject(family: ImageFamily, variant: Variant) -> ImageSubject:
    """The variant's tiny model with the first seed that makes a sharp test, out of `MAX_SEEDS`.

    Sharp means: at every step the best two logits are further apart than the tolerance can blur, and another image
    moves the logits after it. If no seed is sharp, the last one is used and a note says so.
    """
    for seed in range(MAX_SEEDS):
        subject = _with_seed(family, variant, seed)
        if not subject.notes:
            return subject
    return subject


def _with_seed(family: ImageFamily, variant: Variant, seed: int) -> ImageSubject:
    model = build_tiny_model(family.model_class, build_image_config(family, variant), seed)
    layout = layout_of(model)
    tokens = sum(map(len, features_of_images(model, layout, torch.randn(1, *layout.shape))))
    vocab_size = model.config.get_text_config().vocab_size
    planned = image_scenarios(
        variant.kind, vocab_size, model.config.image_token_id, tokens, seed, apart=_counts_on(model)
    )
    generator = torch.Generator().manual_seed(seed)
    pixels = {
        scenario.name: tuple(torch.randn(count, *layout.shape, generator=generator) for count in scenario.images)
        for scenario in planned
    }
    references = tuple(
        Trace(
            tuple(
                _logits(model, layout, prompt, images, new_tokens)
                for prompt, images, new_tokens in zip(
                    scenario.prompts, pixels[scenario.name], scenario.new_tokens, strict=True
                )
            )
        )
        for scenario in planned
    )
    sensitivity = _image_sensitivity(model, layout, planned, pixels)
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


def _counts_on(model: Any) -> bool:
    """Whether upstream's model keeps how far the tokens behind a prompt's images are ahead of their places."""
    return hasattr(model.base_model, "rope_deltas")


def _weaknesses(subject: ImageSubject) -> list[str]:
    where = f"{subject.model_name}, {subject.variant}"
    found = []
    if not all(distinguishes(reference) for reference in subject.references):
        found.append(f"{where}: {UNCLEAR_CHOICE}, with every seed below {MAX_SEEDS}.")
    if subject.sensitivity is not None and subject.sensitivity < MIN_CONTEXT_SENSITIVITY:
        found.append(f"{where}: another image hardly moves the last logits, so a wrong place could go unnoticed.")
    return found


def _image_sensitivity(
    model: Any, layout: Any, planned: tuple[ImageScenario, ...], pixels: dict[str, tuple[torch.Tensor, ...]]
) -> float:
    """Change of the last logits by another image, in units of their standard deviation."""
    scenario = next(item for item in planned if item.images == (1,))
    (prompt,), (images,) = scenario.prompts, pixels[scenario.name]
    before, after = (_logits(model, layout, prompt, each, 1)[0] for each in (images, images.flip(-1)))
    return float(np.abs(before - after).max() / before.std())


def _logits(model: Any, layout: Any, prompt: tuple[int, ...], pixels: torch.Tensor, new_tokens: int) -> np.ndarray:
    """Upstream's logits of each new token, the prompt with its pixels in one call, and each new token in another."""
    cache = DynamicCache(config=model.config.get_text_config())
    if _counts_on(model):
        # How far the tokens behind another prompt's images were ahead: `generate()` forgets it.
        model.base_model.rope_deltas = None
    call, seen = list(prompt), 0
    logits: list[np.ndarray] = []
    with torch.no_grad():
        for step in range(new_tokens):
            seen += len(call)
            given: dict[str, Any] = {cache_argument(model): cache}
            if not _counts_on(model):
                # With a mask, what counts on from an image would give every token that is cached a position again.
                given["attention_mask"] = torch.ones(1, seen, dtype=torch.int64)
            if step == 0 and len(pixels):
                given |= inputs_of_images(model, layout, pixels)
                if "mm_token_type_ids" in inspect.signature(model.forward).parameters:
                    given["mm_token_type_ids"] = (torch.tensor([call]) == model.config.image_token_id).int()
            output = model(
                input_ids=torch.tensor([call]),
                use_cache=True,
                **given,
            )
            logits.append(output.logits[0, -1].float().numpy())
            call = [int(logits[-1].argmax())]
    return np.stack(logits)
