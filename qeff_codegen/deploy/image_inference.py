"""Text from prompts with images: what fits together, and the programs' runs one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch

from qeff_codegen.decoding.image_prompts import WithImages, WithPixels, check_image_tokens, kept_together
from qeff_codegen.decoding.position_sections import PromptSections
from qeff_codegen.decoding.prefill import check_prompts
from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.deploy.given_images import GivenImage, given_images, image_grids
from qeff_codegen.deploy.image_options import ImageOptions
from qeff_codegen.deploy.inference import Inference
from qeff_codegen.deploy.processor import Prepared, open_image, prepare
from qeff_codegen.deploy.vision_programs import VisionProgram, VisionPrograms
from qeff_codegen.errors import UsageError
from qeff_codegen.export.kv_cache import feature_layers_of


class ImageRun:
    """Prompts and images as tokens and pixels, which fit together and into what programs are made for.

    Args:
        prompts: texts; one alone, where there are images.
        image_files: the images of that prompt, in the order of their places.
        processor: transformers' own.
        model: the image-text model.
        programs: its vision programs.
        options: sizes of prefill and cache.
        images: how many images a prompt may have, and whether one program runs both.

    Attributes:
        tokens: each prompt's.
        images: for each prompt, its images, or pieces that the processor cuts an image into.
        sections: for each prompt, what its tokens are rotated by; None where that is where they stand.
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
        programs: VisionPrograms,
        options: CompileOptions,
        images: ImageOptions,
    ) -> None:
        if image_files and len(prompts) != 1:
            raise UsageError(
                f"{len(image_files)} images are given with {len(prompts)} prompts: images go with "
                "one prompt. Give one."
            )
        # Of a size that the tower takes, whether or not there is an image of it.
        _ = programs.asked_for() if programs.sizes else ()
        opened = [open_image(file) for file in image_files]
        prepared = [prepare(processor, prompt, opened) for prompt in prompts]
        self.options = options
        self.single = images.single_qpc
        self.model = model
        self.programs = programs
        self.tokenizer = processor.tokenizer
        self.image_token = int(model.config.image_token_id)
        self.tokens = [each.tokens for each in prepared]
        self.together = kept_together(getattr(model, "both_ways", None), self.image_token)
        check_prompts(self.tokens, options.prefill_seq_len, options.ctx_len, self.together)
        self.images = [given_images(each.made, model, programs) if each.made else [] for each in prepared]
        for given in self.images:
            self._check_number(given, images.max_num_images)
        self.num_embeds = [sum(image.tokens for image in given) for given in self.images]
        check_image_tokens(self.tokens, self.num_embeds, self.image_token)
        self.sections = _sections(model, prepared) if hasattr(model, "get_qeff_position_sections") else None

    @property
    def rows(self) -> int:
        """Rows of the cache."""
        return self.options.full_batch_size or len(self.tokens)

    @property
    def most_images(self) -> int:
        """How many images the prompt with most of them has."""
        return max(map(len, self.images))

    @property
    def programs_of_images(self) -> list[VisionProgram]:
        """The vision programs that some image is for, each once."""
        return list(dict.fromkeys(image.program for given in self.images for image in given))

    def _check_number(self, given: Sequence[GivenImage], most: int | None) -> None:
        """More images than the embeddings of a row have room for."""
        most = 1 if self.single else most
        if most is not None and len(given) > most:
            of_an_image = max(image.tokens for image in given)
            raise UsageError(
                f"the prompt has {len(given)} images of {of_an_image} embeddings each, more than vision_size, "
                f"{most * of_an_image}, has room for: that is {most} of them. "
                + (
                    "One program for images and text takes one; make two programs."
                    if self.single
                    else "Raise max_num_images (--max-num-images), or give fewer."
                )
            )


def _sections(model: Any, prepared: Sequence[Prepared]) -> list[PromptSections]:
    """What each prompt's tokens are rotated by, by the grids of its images."""
    found = []
    for each in prepared:
        sections, ahead = model.get_qeff_position_sections(torch.tensor([each.tokens]), image_grids(each.made))
        found.append(PromptSections(sections[:, 0].numpy(), int(ahead)))
    return found


@dataclass(frozen=True)
class ImageFeatures:
    """What images are for the program for text.

    Attributes:
        embeds: for each prompt, `[tokens, hidden]`, its images in their order.
        deep: for each prompt, `[layers, tokens, hidden]`, what goes into layers; None where nothing does.
    """

    embeds: list[np.ndarray]
    deep: list[np.ndarray] | None


# Makes `[n, tokens, hidden]` of images of one program, each in the shape that it takes, and what goes into layers,
# `[layers, n, tokens, hidden]`, if anything does.
Encode = Callable[[VisionProgram, Sequence[torch.Tensor]], tuple[np.ndarray, np.ndarray | None]]


def in_pytorch(program: VisionProgram, pixels: Sequence[torch.Tensor]) -> tuple[np.ndarray, np.ndarray | None]:
    """What images are, by the module that their program is exported from."""
    with torch.no_grad():
        made = [program.encoder(call) for call in (pixels if program.of_one_image else [torch.cat(list(pixels))])]
    if not feature_layers_of(program.encoder):
        return np.concatenate(made), None
    return np.concatenate([embeds for embeds, _ in made]), np.concatenate([deep for _, deep in made], axis=1)


def features_of(run: ImageRun, decoder: Any, encode: Encode) -> ImageFeatures:
    """What the images of all prompts are, by their vision programs.

    Images of one program that follow one another go into one call of it, if it takes many.
    """
    hidden_size, layers = run.model.config.get_text_config().hidden_size, feature_layers_of(decoder)
    nothing = np.zeros((0, hidden_size), str(next(decoder.parameters()).dtype).removeprefix("torch."))
    embeds, deep = [], []
    for given in run.images:
        own, own_deep = [nothing], [np.zeros((layers, *nothing.shape), nothing.dtype)]
        for program, group in groupby(given, key=lambda image: image.program):
            made, of_layers = encode(program, [image.pixels for image in group])
            own.append(made.reshape(-1, hidden_size))
            if of_layers is not None:
                own_deep.append(of_layers.reshape(layers, -1, hidden_size))
        embeds.append(np.concatenate(own))
        deep.append(np.concatenate(own_deep, axis=1))
    return ImageFeatures(embeds, deep if layers else None)


def image_inference(
    run: ImageRun, runner: Any, features: ImageFeatures | None, *, generation_len: int | None
) -> Inference:
    """The decoding of prompts with images, to be iterated over.

    Args:
        run: prompts and images.
        runner: what runs the program for text, or for both, with an empty cache.
        features: what `features_of` gives; None where the program for both makes them itself.
        generation_len: tokens per prompt at most; None for all the context allows.
    """
    with_images: WithImages
    if features is None:
        (program,) = run.programs.asked_for()
        blank = torch.zeros(program.spec.shape(1), dtype=program.dtype)
        pixels = [np.asarray((given[0].pixels if given else blank)[0]) for given in run.images]
        with_images = WithPixels(runner, run.tokens, pixels, run.num_embeds, run.image_token)
    else:
        with_images = WithImages(runner, run.tokens, features.embeds, run.image_token, run.sections, features.deep)
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
