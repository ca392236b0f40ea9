"""Text from prompts with images: what fits together, and the programs' runs one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch

from qeff_codegen.decoding.image_prompts import WithImages, WithPixels, check_image_tokens, kept_together
from qeff_codegen.decoding.position_sections import PromptSections
from qeff_codegen.decoding.prefill import check_prompts
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.decoding.vision_session import OrtVisionSession
from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.deploy.given_images import GivenImage, given_images, image_grids
from qeff_codegen.deploy.image_options import ImageOptions
from qeff_codegen.deploy.inference import Inference
from qeff_codegen.deploy.processor import Prepared, open_image, prepare
from qeff_codegen.deploy.vision_programs import VisionProgram, VisionPrograms
from qeff_codegen.errors import UsageError
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.kept_layers import layers_kept
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
class Graphs:
    """The files of the programs that ONNX Runtime runs.

    Attributes:
        language: of the program for text, or for both.
        vision: of each vision program that is run.
    """

    language: Path
    vision: Mapping[VisionProgram, Path]


def image_inference(run: ImageRun, decoder: Any, graphs: Graphs | None, *, generation_len: int | None) -> Inference:
    """The vision programs' runs, and the decoding of its prompts, to be iterated over.

    Args:
        run: prompts and images.
        decoder: the QEff module for text, or for both.
        graphs: the files of all programs; None to run them in PyTorch.
        generation_len: tokens per prompt at most; None for all the context allows.
    """
    options = run.options
    rows = options.full_batch_size or len(run.tokens)
    runner: Any
    if graphs is None:
        layers = layers_kept(decoder, ExportSpec(options.ctx_len, full_caches=options.full_caches))
        runner = TorchDecoder(decoder, rows, options.ctx_len, layers=layers)
    else:
        runner = OrtDecoderSession(graphs.language, rows, options.ctx_len)
    with_images: WithImages
    if run.single:
        (program,) = run.programs.asked_for()
        blank = torch.zeros(program.spec.shape(1), dtype=program.dtype)
        pixels = [np.asarray((given[0].pixels if given else blank)[0]) for given in run.images]
        with_images = WithPixels(runner, run.tokens, pixels, run.num_embeds, run.image_token)
    else:
        embeds, deep = _embeds(run, decoder, None if graphs is None else graphs.vision)
        of_layers = deep if feature_layers_of(decoder) else None
        with_images = WithImages(runner, run.tokens, embeds, run.image_token, run.sections, of_layers)
    return Inference(
        with_images,
        run.model,
        run.tokenizer,
        run.tokens,
        options,
        generation_len=generation_len,
        sampled=None,
        together=run.together,
    )


def _embeds(
    run: ImageRun, decoder: Any, vision: Mapping[VisionProgram, Path] | None
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """For each prompt, `[tokens, hidden]`, its images in their order, and `[layers, tokens, hidden]` likewise.

    Images of one program that follow one another go into one call of it, if it takes many.
    """
    hidden_size, layers = run.model.config.get_text_config().hidden_size, feature_layers_of(decoder)
    nothing = np.zeros((0, hidden_size), str(next(decoder.parameters()).dtype).removeprefix("torch."))
    sessions = {program: OrtVisionSession(path) for program, path in (vision or {}).items()}
    embeds, deep = [], []
    for given in run.images:
        own, own_deep = [nothing], [np.zeros((layers, *nothing.shape), nothing.dtype)]
        for program, group in groupby(given, key=lambda image: image.program):
            pixels = [image.pixels for image in group]
            if vision is None:
                made, of_layers = _in_pytorch(program, pixels)
            else:
                made, of_layers = sessions[program].run_for_layers([each.numpy() for each in pixels])
            own.append(made.reshape(-1, hidden_size))
            if of_layers is not None:
                own_deep.append(of_layers.reshape(layers, -1, hidden_size))
        embeds.append(np.concatenate(own))
        deep.append(np.concatenate(own_deep, axis=1))
    return embeds, deep


def _in_pytorch(program: VisionProgram, pixels: Sequence[torch.Tensor]) -> tuple[np.ndarray, np.ndarray | None]:
    """What `OrtVisionSession.run_for_layers` gives, computed in PyTorch."""
    with torch.no_grad():
        made = [program.encoder(call) for call in (pixels if program.of_one_image else [torch.cat(list(pixels))])]
    if not feature_layers_of(program.encoder):
        return np.concatenate(made), None
    return np.concatenate([embeds for embeds, _ in made]), np.concatenate([deep for _, deep in made], axis=1)
