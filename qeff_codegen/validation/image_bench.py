"""The two programs of an image-text model on this project's own runtime: Stages 2 and 3."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from qeff_codegen.checked_in.generated_code import GeneratedTransforms
from qeff_codegen.decoding.image_prompts import ImageDecoder, WithImages
from qeff_codegen.decoding.position_sections import PromptSections
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.decoding.vision_session import OrtVisionSession
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.kv_cache import feature_layers_of, position_sections_of
from qeff_codegen.export.vision_export import ONE_IMAGE, export_vision
from qeff_codegen.tiny_models.image_families import layouts_of, takes_sizes
from qeff_codegen.validation.image_device import ImageDeviceStage, Sample
from qeff_codegen.validation.image_scenarios import ImageScenario
from qeff_codegen.validation.image_subject import Images, ImageSubject
from qeff_codegen.validation.results import StageResult
from qeff_codegen.validation.scenarios import Scenario
from qeff_codegen.validation.subjects import Subject

# The embeddings of images, and what goes into layers beside, where anything does.
Features = tuple[np.ndarray, np.ndarray | None]


@dataclass(frozen=True)
class ImageRuntime:
    """See `Runtime`: the generated programs run on this project's own."""

    generated: GeneratedTransforms

    def both_ways(self, upstream_class: type[Any], config: Any) -> str | None:
        """Whose tokens attend to one another both ways in the programs, `image` or `prompt`; None where none do.

        Args:
            upstream_class: the image-text class.
            config: of the model, which may be what says so.
        """
        said: Any = getattr(self.generated.class_of(upstream_class), "both_ways", None)
        found: str | None = said.__get__(SimpleNamespace(config=config)) if isinstance(said, property) else said
        return found

    def takes_sizes(self, upstream_class: type[Any]) -> bool:
        """Whether a prompt may have images of two sizes: where upstream takes any by their grids."""
        return takes_sizes(upstream_class)

    def layouts(self, model: Any) -> list[Any]:
        """How images are laid out: one of the tiny size, and one of another, where upstream's model takes any."""
        return layouts_of(model)

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
        self._encoders = [self._vision_encoder(layout).eval() for layout in subject.layouts]
        self._decoder = self._qeff_model.get_qeff_language_decoder().eval()
        self._vision: dict[int, OrtVisionSession] = {}
        self._graphs: dict[bool, tuple[Path, ExportSpec]] = {}
        self._device = ImageDeviceStage(self._encoders, self._decoder)

    def _vision_encoder(self, layout: Any) -> torch.nn.Module:
        """The generated encoder, for images of the size of a layout, where it takes one."""
        get: Any = self._qeff_model.get_qeff_vision_encoder
        takes_size = "image_size" in inspect.signature(get).parameters
        encoder: torch.nn.Module = get(layout.image_size) if takes_size else get()
        return encoder

    def pytorch(self, scenario: Scenario) -> Any:
        """See `Bench`."""

        def encode(pixels: Images, of_size: int) -> Features:
            encoder = self._encoders[of_size]
            calls = list(pixels) if getattr(encoder, ONE_IMAGE, False) else [torch.cat(pixels)]
            with torch.no_grad():
                made = [encoder(call) for call in calls]
            if not feature_layers_of(encoder):
                return np.concatenate(made), None
            return np.concatenate([embeds for embeds, _ in made]), np.concatenate([deep for _, deep in made], axis=1)

        decoder = TorchDecoder(self._decoder, scenario.cache_rows, scenario.ctx_len)
        return self._with_images(decoder, scenario, encode)

    def onnx(self, scenario: Scenario) -> Any:
        """See `Bench`."""
        continuous = scenario.full_batch_size is not None
        if continuous not in self._graphs:
            spec = ExportSpec(
                ctx_len=scenario.ctx_len,
                continuous_batching=continuous,
                images=True,
                feature_layers=feature_layers_of(self._decoder),
                position_sections=position_sections_of(self._decoder),
            )
            path = self._folder / ("continuous" if continuous else "plain") / "language.onnx"
            self._graphs[continuous] = export_onnx(self._decoder, path, spec), spec
        session = OrtDecoderSession(self._graphs[continuous][0], scenario.cache_rows, scenario.ctx_len)
        return self._with_images(session, scenario, self._encode)

    def fed(self, decoder: Any, scenario: Scenario) -> Any:
        """Every scenario's calls are what this runtime takes."""
        return decoder

    def device(self, scenario: Scenario) -> StageResult:
        """See `Bench`."""
        assert isinstance(scenario, ImageScenario)
        graph, spec = self._graphs[scenario.full_batch_size is not None]
        # Of text alone too: both programs are made of the model.
        sizes = sorted({int(is_other) for others in scenario.others for is_other in others} | {0})
        visions = {of_size: self._vision_path(of_size) for of_size in sizes}
        return self._device.result(scenario, visions, graph, spec, self._sample())

    def _vision_path(self, of_size: int) -> Path:
        return self._folder / f"vision-{of_size}.onnx"

    def _encode(self, pixels: Images, of_size: int) -> Features:
        """What the exported vision program of a size makes of its images; exported where it was not yet."""
        if of_size not in self._vision:
            path = export_vision(self._encoders[of_size], self._vision_path(of_size))
            self._vision[of_size] = OrtVisionSession(path)
        return self._vision[of_size].run_for_layers([image.numpy() for image in pixels])

    def _sample(self) -> Sample:
        """A prompt with one image, and the features of that."""
        scenario = next(
            each for each in self._subject.scenarios if isinstance(each, ImageScenario) and each.images == (1,)
        )
        (pixels,) = self._subject.pixels_of(scenario)
        embeds, deep = self._encode(pixels, 0)
        hidden_size = embeds.shape[-1]
        return Sample(
            scenario.prompts,
            embeds.reshape(-1, hidden_size),
            None if deep is None else deep.reshape(len(deep), -1, hidden_size),
        )

    def notes(self, scenario: Scenario) -> tuple[str, ...]:
        """None."""
        return ()

    def _with_images(
        self, decoder: ImageDecoder, scenario: Scenario, encode: Callable[[Images, int], Features]
    ) -> WithImages:
        """`decoder` with the embeddings of each prompt's images, all of a size in one call of its vision program."""
        assert isinstance(scenario, ImageScenario)
        config = self._subject.model.config
        hidden_size = config.get_text_config().hidden_size
        layers = feature_layers_of(self._decoder)
        embeds, deep = [], []
        for pixels, others in zip(self._subject.pixels_of(scenario), scenario.others, strict=True):
            own, of_layers = _joined(pixels, others, encode, hidden_size, layers)
            embeds.append(own)
            deep.append(of_layers)
        sections = self._sections(scenario)
        return WithImages(decoder, scenario.prompts, embeds, config.image_token_id, sections, deep if layers else None)

    def _sections(self, scenario: ImageScenario) -> list[PromptSections] | None:
        """What each prompt's tokens are rotated by, where that is not where they stand."""
        if not hasattr(self._qeff_model, "get_qeff_position_sections"):
            return None
        found = []
        for prompt, layouts in zip(scenario.prompts, self._subject.layouts_of(scenario), strict=True):
            grids = torch.cat([layout.image_grid_thw for layout in layouts]) if layouts else None
            sections, ahead = self._qeff_model.get_qeff_position_sections(torch.tensor([prompt]), grids)
            found.append(PromptSections(sections[:, 0].numpy(), int(ahead)))
        return found


def _joined(
    pixels: Images, others: Sequence[bool], encode: Callable[[Images, int], Features], hidden_size: int, layers: int
) -> tuple[np.ndarray, np.ndarray]:
    """What a prompt's images are, `[tokens, hidden]`, one after the other, and what goes into layers.

    Images of one size that follow one another are encoded at once.
    """
    embeds = [np.zeros((0, hidden_size), np.float32)]
    deep = [np.zeros((layers, 0, hidden_size), np.float32)]
    for is_other, group in groupby(zip(others, pixels, strict=True), key=lambda item: item[0]):
        own, of_layers = encode(tuple(image for _, image in group), int(is_other))
        embeds.append(own.reshape(-1, hidden_size))
        if of_layers is not None:
            deep.append(of_layers.reshape(layers, -1, hidden_size))
    return np.concatenate(embeds), np.concatenate(deep, axis=1)
