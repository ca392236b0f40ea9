"""Generated code on this project's own runtime."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qeff_codegen.checked_in.generated_code import GeneratedTransforms
from qeff_codegen.decoding.decoder import Decoder
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.exported_graph import GRAPH_FILE, ExportedGraph
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.kept_layers import layers_kept
from qeff_codegen.validation.device import DeviceStage
from qeff_codegen.validation.results import StageResult
from qeff_codegen.validation.scenarios import Scenario
from qeff_codegen.validation.subjects import Subject


@dataclass(frozen=True)
class OwnRuntime:
    """See `Runtime`: generated code runs on this project's own."""

    generated: GeneratedTransforms

    def bench(self, subject: Subject, folder: Path) -> OwnBench:
        """See `Runtime`."""
        return OwnBench(subject, self.generated.apply, self.generated.names, folder)


class OwnBench:
    """See `Bench`. The model is exported once, since batch size, sequence length and context length are dynamic;
    continuous batching has a graph of its own.

    Args:
        subject: the upstream model.
        qeff_model_of: turns a copy of it into its QEff model, in place, and returns that.
        transforms: the names of what does so.
        folder: where graphs go.
    """

    def __init__(
        self, subject: Subject, qeff_model_of: Callable[[Any], Any], transforms: Sequence[str], folder: Path
    ) -> None:
        self._subject = subject
        self._qeff_model_of = qeff_model_of
        self._transforms = tuple(transforms)
        self._folder = folder
        self._qeff_model: Any = None
        self._graphs: dict[bool, ExportedGraph] = {}
        self._device: DeviceStage | None = None

    def pytorch(self, scenario: Scenario) -> TorchDecoder:
        """See `Bench`."""
        layers = layers_kept(self._model(), self._spec(scenario))
        return TorchDecoder(self._model(), scenario.cache_rows, scenario.ctx_len, layers=layers)

    def onnx(self, scenario: Scenario) -> OrtDecoderSession:
        """See `Bench`."""
        return OrtDecoderSession(self._exported(scenario).onnx_path, scenario.cache_rows, scenario.ctx_len)

    def fed(self, decoder: Decoder, scenario: Scenario) -> Decoder:
        """Every scenario's calls, pads included, are what this runtime takes."""
        return decoder

    def device(self, scenario: Scenario) -> StageResult:
        """See `Bench`."""
        if self._device is None:
            self._device = DeviceStage(self._model())
        return self._device.result(scenario, self._exported(scenario))

    def notes(self, scenario: Scenario) -> tuple[str, ...]:
        """None."""
        return ()

    def _spec(self, scenario: Scenario) -> ExportSpec:
        """Of the graph that serves this scenario, and others."""
        longest = max(planned.ctx_len for planned in self._subject.scenarios)
        return ExportSpec(ctx_len=longest, continuous_batching=scenario.full_batch_size is not None)

    def _exported(self, scenario: Scenario) -> ExportedGraph:
        continuous = scenario.full_batch_size is not None
        if continuous not in self._graphs:
            model, spec = self._model(), self._spec(scenario)
            onnx_path = self._folder / ("continuous" if continuous else "plain") / GRAPH_FILE
            export_onnx(model, onnx_path, spec)
            layers = tuple(layers_kept(model, spec))
            self._graphs[continuous] = ExportedGraph(onnx_path, spec, layers, self._transforms, ())
        return self._graphs[continuous]

    def _model(self) -> Any:
        if self._qeff_model is None:
            self._qeff_model = self._qeff_model_of(copy.deepcopy(self._subject.model))
        return self._qeff_model
