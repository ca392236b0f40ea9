"""QEfficient's own runtime for images: its model class with its transforms, the two programs, and its export of them.

Whatever its mappings hold is what runs, as far as it takes images of the size of the vision configuration, and their
embeddings in three axes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from QEfficient import QEFFAutoModelForImageTextToText
from torch import nn

from qeff_codegen.checkout.cache_layout import layers_of
from qeff_codegen.checkout.prompts_apart import DecoderForEach, OneCount, PrefillOneByOne
from qeff_codegen.checkout.qefficient_bench import DEVICE_NOTE, UNPADDED_NOTE
from qeff_codegen.checkout.runnable_graph import runnable_graph
from qeff_codegen.decoding.decoder import Decoder
from qeff_codegen.decoding.image_prompts import ImageDecoder, WithImages
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.decoding.vision_session import OrtVisionSession
from qeff_codegen.errors import UsageError
from qeff_codegen.export.graph_io import LayerShapes
from qeff_codegen.runtime.images import ImageTextOutput
from qeff_codegen.runtime.one_image import WholeImage
from qeff_codegen.tiny_models.image_families import ImageFamily, build_image_config, image_variants, layout_of
from qeff_codegen.validation.image_scenarios import ImageScenario
from qeff_codegen.validation.image_subject import Images, ImageSubject
from qeff_codegen.validation.results import NOT_RUN, StageResult
from qeff_codegen.validation.scenarios import Scenario
from qeff_codegen.validation.subjects import Subject

Encode = Callable[[Images], np.ndarray]


@dataclass(frozen=True)
class QEfficientImageRuntime:
    """See `Runtime`."""

    def both_ways(self, upstream_class: type[Any], config: Any) -> str | None:
        """None: no program of that runtime is told which tokens attend to one another."""
        return None

    def takes_sizes(self, upstream_class: type[Any]) -> bool:
        """False: a program there is exported for one size."""
        return False

    def layouts(self, model: Any) -> list[Any]:
        """An image of the size that the vision configuration names, which is what programs there are exported for."""
        return [type(layout_of(model))(model.config)]

    def bench(self, subject: Subject, folder: Path) -> QEfficientImageBench:
        """See `Runtime`."""
        assert isinstance(subject, ImageSubject)
        return QEfficientImageBench(subject, folder)


class QEfficientImageBench:
    """See `Bench`. A model for continuous batching is one of its own, as are its graphs."""

    def __init__(self, subject: ImageSubject, folder: Path) -> None:
        self._subject = subject
        self._folder = folder
        self._models: dict[bool, Any] = {}
        self._graphs: dict[bool, tuple[OrtVisionSession, Path]] = {}

    def pytorch(self, scenario: Scenario) -> Any:
        """See `Bench`."""
        continuous = _is_continuous(scenario)
        if continuous not in self._models:
            self._models[continuous] = made(copy.deepcopy(self._subject.model), continuous)
        both = self._models[continuous]
        layers, decoder = _layers(both, continuous), _WithNames(both.lang_model.model)

        axes = both.model.get_onnx_dynamic_axes(kv_offload=True)["vision"]["pixel_values"]

        def encode(images: Images) -> np.ndarray:
            calls = [torch.cat(images)] if 0 in axes else images
            with torch.no_grad():
                return np.concatenate([np.asarray(both.vision_model.model(call)) for call in calls])

        def decoder_of(rows: int) -> ImageDecoder:
            return TorchDecoder(decoder, rows, scenario.ctx_len, layers=layers)

        return self._decoder(scenario, decoder_of, encode)

    def onnx(self, scenario: Scenario) -> Any:
        """See `Bench`."""
        continuous = _is_continuous(scenario)
        if continuous not in self._graphs:
            folder = self._folder / ("continuous" if continuous else "plain")
            # Exporting takes a model's weights away, so it gets one of its own.
            exported = made(copy.deepcopy(self._subject.model), continuous).export(export_dir=str(folder))
            vision, language = map(Path, exported)
            self._graphs[continuous] = OrtVisionSession(runnable_graph(vision)), runnable_graph(language)
        session, graph = self._graphs[continuous]

        def encode(images: Images) -> np.ndarray:
            return session.run([image.numpy() for image in images])

        def decoder_of(rows: int) -> ImageDecoder:
            return OrtDecoderSession(graph, rows, scenario.ctx_len)

        return self._decoder(scenario, decoder_of, encode)

    def fed(self, decoder: Decoder, scenario: Scenario) -> Decoder:
        """Calls are made as that runtime makes them already."""
        return decoder

    def device(self, scenario: Scenario) -> StageResult:
        """See `Bench`."""
        return StageResult(4, NOT_RUN, detail=DEVICE_NOTE)

    def notes(self, scenario: Scenario) -> tuple[str, ...]:
        """See `Bench`."""
        return (UNPADDED_NOTE,) if _is_continuous(scenario) else ()

    def _decoder(self, scenario: Scenario, decoder_of: Callable[[int], ImageDecoder], encode: Encode) -> Decoder:
        """What the scenario calls: a decoder for each prompt, or one whose rows prompts take in turn."""
        assert isinstance(scenario, ImageScenario)
        config = self._subject.model.config
        width = config.get_text_config().hidden_size
        embeds = [
            encode(pixels).reshape(-1, width) if pixels else np.zeros((0, width), np.float32)
            for pixels in self._subject.pixels_of(scenario)
        ]
        token = config.image_token_id
        if scenario.full_batch_size is None:
            each = zip(scenario.prompts, embeds, strict=True)
            return DecoderForEach([WithImages(decoder_of(1), [prompt], [own], token) for prompt, own in each])
        decoder = OneCount(decoder_of(scenario.full_batch_size))
        return PrefillOneByOne(WithImages(decoder, scenario.prompts, embeds, token), token)


class _WithNames(nn.Module):
    """The language program with its outputs by their names."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder
        self.config: Any = decoder.config

    def forward(self, use_cache: bool, **inputs: Any) -> ImageTextOutput:
        logits, vision_embeds, image_idx, cache = self.decoder(**inputs)
        return ImageTextOutput(logits=logits, cache=cache, vision_embeds=vision_embeds, image_idx=image_idx)


def made(model: Any, continuous: bool = False) -> Any:
    """QEfficient's model of the two programs of `model`, which is used up."""
    model.config.architectures = [type(model).__name__]
    return QEFFAutoModelForImageTextToText(model, kv_offload=True, continuous_batching=continuous)


def _layers(both: Any, continuous: bool) -> list[LayerShapes]:
    """What the export would give each layer to cache into."""
    asked = both.model.get_dummy_inputs(kv_offload=True, continuous_batching=continuous)["lang"]
    axes = both.model.get_onnx_dynamic_axes(kv_offload=True, continuous_batching=continuous)["lang"]
    return layers_of(asked["past_key_values"], axes)


def _is_continuous(scenario: Scenario) -> bool:
    return scenario.full_batch_size is not None


def check_taken(family: ImageFamily) -> None:
    """See that programs of this family take pixels of one size and nothing beside, which is what is run here.

    Raises:
        UsageError: they take more.
    """
    base, *_ = image_variants(family)
    layout = layout_of(family.model_class(build_image_config(family, base)))
    if type(layout) is not WholeImage:
        raise UsageError(
            f"The two programs of `{family.name}` are not run in a checkout: its processor lays pixels out as "
            f"{type(layout).__name__}, and only whole images of one size are handed on here."
        )


def is_served(family: ImageFamily) -> bool:
    """Whether QEfficient's transforms make anything else of the family's class than it is, or fail to."""
    base, *_ = image_variants(family)
    try:
        both = made(family.model_class(build_image_config(family, base)))
    except AttributeError:
        # Upstream's class gives no programs.
        return False
    except Exception:  # it is a stage's result
        return True
    return type(both.model) is not family.model_class
