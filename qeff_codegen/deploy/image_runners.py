"""What runs an image-text model's programs: modules, graphs on ONNX Runtime, or compiled programs on cards.

Each gives what decodes, and what images are for the program for text: None where one program is for both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from qeff_codegen.decoding.device_vision import DeviceVisionSession
from qeff_codegen.decoding.loaded_program import LoadedProgram
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.decoding.vision_session import OrtVisionSession
from qeff_codegen.deploy.image_inference import ImageFeatures, ImageRun, features_of, in_pytorch
from qeff_codegen.deploy.image_options import ImageOptions
from qeff_codegen.deploy.vision_programs import VisionProgram
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.kept_layers import layers_kept
from qeff_codegen.export.vision_export import takes_one_image


def asked_by(run: ImageRun, images: ImageOptions) -> ImageOptions:
    """The programs that the images of a run are for, where it is not said of how many and of what sizes."""
    asked = images.for_images(run.most_images)
    if asked.img_size or not run.programs.one_for_each_size:
        return asked
    sizes = [size for program in run.programs_of_images for size in program.spec.sizes]
    return replace(asked, img_size=tuple(dict.fromkeys(sizes)))


def with_modules(run: ImageRun, decoder: Any) -> tuple[TorchDecoder, ImageFeatures | None]:
    """The modules that programs are exported from."""
    options = run.options
    layers = layers_kept(decoder, ExportSpec(options.ctx_len, full_caches=options.full_caches))
    features = None if run.single else features_of(run, decoder, in_pytorch)
    return TorchDecoder(decoder, run.rows, options.ctx_len, layers=layers), features


def with_graphs(
    run: ImageRun, decoder: Any, text: Path, visions: Mapping[VisionProgram, Path]
) -> tuple[OrtDecoderSession, ImageFeatures | None]:
    """The graphs: that for text, or for both, and that of each vision program which some image is for."""
    sessions = {program: OrtVisionSession(path) for program, path in visions.items()}
    features = None
    if not run.single:
        features = features_of(
            run,
            decoder,
            lambda program, given: sessions[program].run_for_layers([each.numpy() for each in given]),
        )
    return OrtDecoderSession(text, run.rows, run.options.ctx_len), features


def features_on_cards(
    run: ImageRun,
    decoder: Any,
    load: Callable[[VisionProgram], LoadedProgram],
    graph_of: Callable[[VisionProgram], Path],
) -> ImageFeatures | None:
    """What images are, by vision programs on cards, each of which makes room for the next when it has run.

    Args:
        run: prompts and images.
        decoder: the module for text.
        load: puts a vision program on its cards.
        graph_of: its graph, which says how many images a call takes.
    """

    def encode(program: VisionProgram, given: Sequence[torch.Tensor]) -> tuple[np.ndarray, np.ndarray | None]:
        on_cards = load(program)
        # Where the tower computes with the number of images, its graph takes one all the same.
        session = DeviceVisionSession(on_cards, takes_one=takes_one_image(graph_of(program)))
        made = session.run_for_layers([each.numpy() for each in given])
        on_cards.close()
        return made

    return None if run.single else features_of(run, decoder, encode)
