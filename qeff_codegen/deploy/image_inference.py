"""Text from prompts with images: what fits together, and the programs' runs one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from qeff_codegen.decoding.image_prompts import WithImages, WithPixels, check_image_tokens, kept_together
from qeff_codegen.decoding.prefill import check_prompts
from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.deploy.image_options import ImageOptions
from qeff_codegen.deploy.inference import Inference
from qeff_codegen.deploy.processor import open_image, prepare
from qeff_codegen.errors import UsageError
from qeff_codegen.export.vision_export import VisionSpec, tokens_per_image


class ImageRun:
    """Prompts and images as tokens and pixels, which fit together and into what programs are made for.

    Args:
        prompts: texts; one alone, where there are images.
        image_files: the images of that prompt, in the order of their places.
        processor: transformers' own.
        model: the image-text model.
        spec: the images that the vision program takes.
        encoder: what it is exported from.
        options: sizes of prefill and cache.
        images: how many images a prompt may have, and whether one program runs both.

    Attributes:
        tokens: each prompt's.
        pixels: for each prompt, `[images, channels, height, width]` in the model's format; None where it has none.
        together: which tokens of a prompt have to be in one call.

    Raises:
        UsageError: saying what does not fit.
    """

    def __init__(
        self,
        prompts: Sequence[str],
        image_files: Sequence[Path],
        *,
        processor: Any,
        model: Any,
        spec: VisionSpec,
        encoder: Any,
        options: CompileOptions,
        images: ImageOptions,
    ) -> None:
        if image_files and len(prompts) != 1:
            raise UsageError(
                f"{len(image_files)} images are given with {len(prompts)} prompts: images go with "
                "one prompt. Give one."
            )
        opened = [open_image(file) for file in image_files]
        prepared = [prepare(processor, prompt, opened, model) for prompt in prompts]
        dtype = next(encoder.parameters()).dtype
        self.spec = spec
        self.options = options
        self.single = images.single_qpc
        self.model = model
        self.encoder = encoder
        self.tokenizer = processor.tokenizer
        self.image_token = int(model.config.image_token_id)
        self.tokens = [each.tokens for each in prepared]
        self.pixels = [None if each.pixels is None else torch.from_numpy(each.pixels).to(dtype) for each in prepared]
        self.together = kept_together(getattr(model, "both_ways", None), self.image_token)
        check_prompts(self.tokens, options.prefill_seq_len, options.ctx_len, self.together)
        of_an_image = [self._tokens_per_image(pixels) for pixels in self.pixels]
        self._check_number(images.max_num_images, max(of_an_image))
        self.num_embeds = [
            0 if pixels is None else len(pixels) * count
            for pixels, count in zip(self.pixels, of_an_image, strict=True)
        ]
        check_image_tokens(self.tokens, self.num_embeds, self.image_token)

    @property
    def rows(self) -> int:
        """Rows of the cache."""
        return self.options.full_batch_size or len(self.tokens)

    @property
    def has_images(self) -> bool:
        """Whether some prompt has an image."""
        return self.most_images > 0

    @property
    def most_images(self) -> int:
        """How many images the prompt with most of them has."""
        return max(0 if pixels is None else len(pixels) for pixels in self.pixels)

    def _tokens_per_image(self, pixels: torch.Tensor | None) -> int:
        """How many tokens each of a prompt's images has, which are of a size that the vision program takes."""
        if pixels is None:
            return 0
        *_, height, width = pixels.shape
        if pixels.ndim != 4 or (height, width) not in self.spec.sizes:
            taken = ", ".join(f"{own_height} x {own_width}" for own_height, own_width in self.spec.sizes)
            largest_height, largest_width = max(self.spec.sizes)
            larger = " larger" if height > largest_height or width > largest_width else ""
            raise UsageError(
                f"the processor makes{larger} images of {height} x {width} pixels, and the vision program takes "
                f"{taken}. Give that size as img_size (--img-size), or copy "
                "the processor's files that belong to this model."
            )
        return tokens_per_image(self.encoder, self.spec, (height, width))

    def _check_number(self, most: int | None, of_an_image: int) -> None:
        """More images than the embeddings of a row have room for."""
        most = 1 if self.single else most
        for pixels in self.pixels:
            if pixels is not None and most is not None and len(pixels) > most:
                raise UsageError(
                    f"the prompt has {len(pixels)} images of {of_an_image} embeddings each, more than vision_size, "
                    f"{most * of_an_image}, has room for: that is {most} of them. "
                    + (
                        "One program for images and text takes one; make two programs."
                        if self.single
                        else "Raise max_num_images (--max-num-images), or give fewer."
                    )
                )


# Makes `[n, tokens, hidden]` of images in their order, each `[1, channels, height, width]` in the model's format.
Embed = Callable[[Sequence[np.ndarray]], np.ndarray]


def in_pytorch(encoder: Any) -> Embed:
    """Makes embeddings with the module that the vision program is exported from."""

    def embed(images: Sequence[np.ndarray]) -> np.ndarray:
        with torch.no_grad():
            return np.asarray(encoder(torch.from_numpy(np.concatenate(images))))

    return embed


def embeds_of(run: ImageRun, embed: Embed | None) -> list[np.ndarray]:
    """For each prompt, `[tokens, hidden]`: all of its images in one call of the vision program, if it takes many.

    Args:
        run: prompts and images.
        embed: the vision program; None where no prompt has an image.
    """
    hidden_size = run.model.config.get_text_config().hidden_size
    nothing = np.zeros((0, hidden_size), str(next(run.encoder.parameters()).dtype).removeprefix("torch."))
    embeds = []
    for pixels in run.pixels:
        if pixels is None:
            embeds.append(nothing)
        else:
            assert embed is not None, "a prompt has images"
            embeds.append(embed([image.numpy() for image in pixels.split(1)]).reshape(-1, hidden_size))
    return embeds


def image_inference(
    run: ImageRun, runner: Any, embeds: Sequence[np.ndarray] | None, *, generation_len: int | None
) -> Inference:
    """The decoding of prompts with images, to be iterated over.

    Args:
        run: prompts and images.
        runner: what runs the program for text, or for both, with an empty cache.
        embeds: what `embeds_of` gives; None where the program for both makes them itself.
        generation_len: tokens per prompt at most; None for all the context allows.
    """
    with_images: WithImages
    if embeds is None:
        blank = torch.zeros(run.spec.shape(1), dtype=next(run.encoder.parameters()).dtype)
        pixels = [np.asarray((blank if own is None else own)[0]) for own in run.pixels]
        with_images = WithPixels(runner, run.tokens, pixels, run.num_embeds, run.image_token)
    else:
        with_images = WithImages(runner, run.tokens, embeds, run.image_token)
    return Inference(
        with_images,
        run.model,
        run.tokenizer,
        run.tokens,
        run.options,
        generation_len=generation_len,
        sampled=None,
        together=run.together,
    )
