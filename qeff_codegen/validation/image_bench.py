"""The two programs of an image-text model on this project's own runtime: Stages 2 and 3."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from qeff_codegen.checked_in.generated_code import GeneratedTransforms
from qeff_codegen.decoding.image_prompts import ImageDecoder, WithImages
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.decoding.vision_session import OrtVisionSession
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.vision_export import ONE_IMAGE, export_vision
from qeff_codegen.validation.image_device import ImageDeviceStage, Sample
from qeff_codegen.validation.image_scenarios import ImageScenario
from qeff_codegen.validation.image_subject import ImageSubject
from qeff_codegen.validation.results import StageResult
from qeff_codegen.validation.scenarios import Scenario
from qeff_codegen.validation.subjects import Subject


@dataclass(frozen=True)
class ImageRuntime:
    """See `Runtime`: the generated programs run on this project's own."""

    generated: GeneratedTransforms

    def both_ways(self, upstream_class: type[Any]) -> str | None:
        """Whose tokens attend to one another both ways in the programs, `image` or `prompt`; None where none do."""
        found: str | None = getattr(self.generated.class_of(upstream_class), "both_ways", None)
        return found

    def bench(self, subject: Subject, folder: Path) -> ImageBench:
        """See `Runtime`."""
        assert isinstance(subject, ImageSubject)
        return ImageBench(subject, self.generated.apply, folder)


class ImageBench:
    """See `Bench`. Each program is exported once, and the language program once more for continuous batching.

    Args:
        subject: the upstream model with its images.
        qeff_model_of: turns a copy of it into its QEff model, in place, and returns that.
        folder: where graphs go.
    """

    def __init__(self, subject: ImageSubject, qeff_model_of: Callable[[Any], Any], folder: Path) -> None:
        self._subject = subject
        self._folder = folder
        self._qeff_model = qeff_model_of(copy.deepcopy(subject.model)).eval()
        self._encoder = self._vision_encoder().eval()
        self._decoder = self._qeff_model.get_qeff_language_decoder().eval()
        self._vision: OrtVisionSession | None = None
        self._graphs: dict[bool, tuple[Path, ExportSpec]] = {}
        self._vision_path = folder / "vision.onnx"
        self._device = ImageDeviceStage(self._encoder, self._decoder)

    def _vision_encoder(self) -> torch.nn.Module:
        """The generated encoder, for images of the size that the subject's have, where it takes one."""
        get: Any = self._qeff_model.get_qeff_vision_encoder
        takes_size = "image_size" in inspect.signature(get).parameters
        encoder: torch.nn.Module = get(self._subject.layout.image_size) if takes_size else get()
        return encoder

    def pytorch(self, scenario: Scenario) -> Any:
        """See `Bench`."""

        def encode(pixels: torch.Tensor) -> np.ndarray:
            calls = list(pixels) if getattr(self._encoder, ONE_IMAGE, False) else [torch.cat(list(pixels))]
            with torch.no_grad():
                return np.concatenate([self._encoder(call) for call in calls])

        decoder = TorchDecoder(self._decoder, scenario.cache_rows, scenario.ctx_len)
        return self._with_images(decoder, scenario, encode)

    def onnx(self, scenario: Scenario) -> Any:
        """See `Bench`."""
        if self._vision is None:
            self._vision = OrtVisionSession(export_vision(self._encoder, self._vision_path))
        vision = self._vision

        def encode(pixels: torch.Tensor) -> np.ndarray:
            return vision.run([image.numpy() for image in pixels])

        continuous = scenario.full_batch_size is not None
        if continuous not in self._graphs:
            spec = ExportSpec(ctx_len=scenario.ctx_len, continuous_batching=continuous, images=True)
            path = self._folder / ("continuous" if continuous else "plain") / "language.onnx"
            self._graphs[continuous] = export_onnx(self._decoder, path, spec), spec
        session = OrtDecoderSession(self._graphs[continuous][0], scenario.cache_rows, scenario.ctx_len)
        return self._with_images(session, scenario, encode)

    def fed(self, decoder: Any, scenario: Scenario) -> Any:
        """Every scenario's calls are what this runtime takes."""
        return decoder

    def device(self, scenario: Scenario) -> StageResult:
        """See `Bench`."""
        graph, spec = self._graphs[scenario.full_batch_size is not None]
        return self._device.result(scenario, self._vision_path, graph, spec, self._sample())

    def _sample(self) -> Sample:
        """A prompt with one image, and the embeddings of that."""
        assert self._vision is not None
        scenario = next(
            each for each in self._subject.scenarios if isinstance(each, ImageScenario) and each.images == (1,)
        )
        (pixels,) = self._subject.pixels_of(scenario)
        embeds = self._vision.run([image.numpy() for image in pixels])
        return Sample(scenario.prompts, embeds.reshape(-1, embeds.shape[-1]))

    def notes(self, scenario: Scenario) -> tuple[str, ...]:
        """None."""
        return ()

    def _with_images(
        self, decoder: ImageDecoder, scenario: Scenario, encode: Callable[[torch.Tensor], np.ndarray]
    ) -> WithImages:
        """`decoder` with the embeddings of each prompt's images, all of a prompt in one call of the vision program."""
        assert isinstance(scenario, ImageScenario)
        config = self._subject.model.config
        hidden_size = config.get_text_config().hidden_size
        nothing = np.zeros((0, hidden_size), np.float32)
        embeds = [
            encode(pixels).reshape(-1, hidden_size) if len(pixels) else nothing
            for pixels in self._subject.pixels_of(scenario)
        ]
        return WithImages(decoder, scenario.prompts, embeds, config.image_token_id)
