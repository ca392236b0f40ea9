"""Stage 4 of an image-text subject, as far as it goes without a device: preflight of both programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from qeff_codegen.deploy.image_specializations import language_specializations, vision_specializations
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.kept_layers import layers_kept
from qeff_codegen.export.vision_export import graph_spec, spec_of
from qeff_codegen.preflight.candidate import candidate_of, vision_candidate_of
from qeff_codegen.preflight.run import Preflight, preflight, vision_preflight
from qeff_codegen.validation.device import compile_options
from qeff_codegen.validation.results import PREFLIGHT_FAILED, PREFLIGHT_PASSED, StageResult
from qeff_codegen.validation.scenarios import Scenario

_NOT_COMPILED = "Programs of an image-text model are compiled by `compile`; here they were not."


@dataclass(frozen=True, eq=False)
class Sample:
    """Prompts with an image.

    Attributes:
        prompts: token ids.
        embeds: `[vision_size, hidden]`, what its image tokens stand for.
        deep: `[layers, vision_size, hidden]`, what goes into layers beside, where anything does.
    """

    prompts: tuple[tuple[int, ...], ...]
    embeds: np.ndarray
    deep: np.ndarray | None = None


class ImageDeviceStage:
    """Stage 4, scenario by scenario. Scenarios that share a graph share its preflight.

    Args:
        encoders: what the vision programs were exported from, one for each size of images.
        decoder: what the language program was.
    """

    def __init__(self, encoders: Sequence[nn.Module], decoder: nn.Module) -> None:
        self._encoders = encoders
        self._decoder = decoder
        self._preflights: dict[Path, Preflight] = {}

    def result(
        self, scenario: Scenario, visions: Mapping[int, Path], language: Path, spec: ExportSpec, sample: Sample
    ) -> StageResult:
        """What is known of the graphs that run `scenario` on ONNX Runtime, before a device has seen them.

        Args:
            scenario: it.
            visions: the graphs of the vision programs that it runs, by the numbers of their encoders.
            language: the language program's.
            spec: what that was exported with.
            sample: what the language program is run with.
        """
        for of_size, vision in visions.items():
            if vision not in self._preflights:
                self._preflights[vision] = _of_vision(self._encoders[of_size], vision)
        if language not in self._preflights:
            # One scenario's sizes stand for all, as for a model that reads text alone.
            layers, options = layers_kept(self._decoder, spec), compile_options(scenario)
            programs = tuple(language_specializations(layers, options, len(sample.embeds)))
            candidate = candidate_of(
                self._decoder, language, spec, programs, sample.prompts, sample.embeds, sample.deep
            )
            self._preflights[language] = preflight(candidate)
        found = [self._preflights[path] for path in (*visions.values(), language)]
        if not all(each.passed for each in found):
            return StageResult(4, PREFLIGHT_FAILED, detail="\n".join(str(each) for each in found if not each.passed))
        remarks = [remark for each in found for remark in each.remarks]
        return StageResult(4, PREFLIGHT_PASSED, detail="\n".join((_NOT_COMPILED, *remarks)))


def _of_vision(encoder: nn.Module, path: Path) -> Preflight:
    spec = graph_spec(spec_of(encoder), path)
    programs = tuple(vision_specializations(spec, 1))
    return vision_preflight(vision_candidate_of(encoder, path, spec, programs))
