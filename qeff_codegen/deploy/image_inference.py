"""Text from prompts with images: what fits together, and the programs' runs one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from qeff_codegen.decoding.image_prompts import WithImages, WithPixels, check_image_tokens, kept_together
from qeff_codegen.decoding.prefill import check_prompts
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.decoding.vision_session import OrtVisionSession
from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.deploy.image_options import ImageOptions
from qeff_codegen.deploy.inference import Inference
from qeff_codegen.deploy.processor import open_image, prepare
from qeff_codegen.errors import UsageError
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.kept_layers import layers_kept
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
    def has_images(self) -> bool:
        """Whether some prompt has an image."""
        return any(pixels is not None for pixels in self.pixels)

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


def image_inference(
    run: ImageRun, decoder: Any, graphs: tuple[Path, Path | None] | None, *, generation_len: int | None
) -> Inference:
    """The vision program's run, and the decoding of its prompts, to be iterated over.

    Args:
        run: prompts and images.
        decoder: the QEff module for text, or for both.
        graphs: the files of the program for text, or for both, and of the vision program, where that is run; None to
            run both in PyTorch.
        generation_len: tokens per prompt at most; None for all the context allows.
    """
    options = run.options
    rows = options.full_batch_size or len(run.tokens)
    runner: Any
    if graphs is None:
        layers = layers_kept(decoder, ExportSpec(options.ctx_len, full_caches=options.full_caches))
        runner = TorchDecoder(decoder, rows, options.ctx_len, layers=layers)
    else:
        runner = OrtDecoderSession(graphs[0], rows, options.ctx_len)
    with_images: WithImages
    if run.single:
        shape = run.spec.shape(1)
        blank = torch.zeros(shape, dtype=next(run.encoder.parameters()).dtype)
        pixels = [np.asarray((blank if own is None else own)[0]) for own in run.pixels]
        with_images = WithPixels(runner, run.tokens, pixels, run.num_embeds, run.image_token)
    else:
        vision = None if graphs is None else graphs[1]
        with_images = WithImages(runner, run.tokens, _embeds(run, vision), run.image_token)
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


def _embeds(run: ImageRun, vision: Path | None) -> list[np.ndarray]:
    """For each prompt, `[tokens, hidden]`: all of its images in one call of the vision program, if it takes many."""
    hidden_size = run.model.config.get_text_config().hidden_size
    session = None if vision is None else OrtVisionSession(vision)
    embeds = []
    for pixels in run.pixels:
        if pixels is None:
            found = np.zeros((0, hidden_size), str(next(run.encoder.parameters()).dtype).removeprefix("torch."))
        elif session is not None:
            found = session.run([image.numpy() for image in pixels.split(1)])
        else:
            with torch.no_grad():
                found = np.asarray(run.encoder(pixels))
        embeds.append(found.reshape(-1, hidden_size))
    return embeds
