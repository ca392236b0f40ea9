"""QEfficient's own runtime: its model class with its transforms, its PyTorch forward, its export.

Whatever its mappings hold, hand-written or generated, is what runs.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from QEfficient import QEFFAutoModelForCausalLM

from qeff_codegen.checkout.cache_layout import check_written, planned_layers
from qeff_codegen.checkout.runnable_graph import runnable_graph
from qeff_codegen.decoding.decoder import Decoder
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.export.graph_io import LayerShapes
from qeff_codegen.tiny_models.configurations import build_config, variants
from qeff_codegen.tiny_models.families import Family
from qeff_codegen.validation.results import NOT_RUN, StageResult
from qeff_codegen.validation.scenarios import Scenario
from qeff_codegen.validation.subjects import Subject
from qeff_codegen.validation.unpadded import Unpadded

UNPADDED_NOTE = (
    "On QEfficient's runtime continuous batching gets calls without padding: its scatter writes a pad to index "
    "INT32_MAX, which the device skips and a CPU cannot."
)
DEVICE_NOTE = "validating a checkout ends with Stage 3"


class QEfficientRuntime:
    """See `Runtime`."""

    def bench(self, subject: Subject, folder: Path) -> QEfficientBench:
        """See `Runtime`."""
        return QEfficientBench(subject, folder)


class QEfficientBench:
    """See `Bench`. A model for continuous batching is one of its own, as is its graph."""

    def __init__(self, subject: Subject, folder: Path) -> None:
        self._subject = subject
        self._folder = folder
        self._models: dict[bool, tuple[Any, list[LayerShapes]]] = {}
        self._graphs: dict[bool, Path] = {}

    def pytorch(self, scenario: Scenario) -> TorchDecoder:
        """See `Bench`."""
        continuous = _is_continuous(scenario)
        if continuous not in self._models:
            model = self._made(continuous).model
            layers = planned_layers(self._made(continuous))
            check_written(layers, model)
            self._models[continuous] = model, layers
        model, layers = self._models[continuous]
        return TorchDecoder(model, scenario.cache_rows, scenario.ctx_len, layers=layers)

    def onnx(self, scenario: Scenario) -> OrtDecoderSession:
        """See `Bench`."""
        continuous = _is_continuous(scenario)
        if continuous not in self._graphs:
            folder = self._folder / ("continuous" if continuous else "plain")
            # Exporting takes a model's weights away, so it gets one of its own.
            exported = self._made(continuous).export(export_dir=str(folder))
            self._graphs[continuous] = runnable_graph(Path(exported))
        return OrtDecoderSession(self._graphs[continuous], scenario.cache_rows, scenario.ctx_len)

    def fed(self, decoder: Decoder, scenario: Scenario) -> Decoder:
        """See `Bench`, and `UNPADDED_NOTE`."""
        return Unpadded(decoder) if _is_continuous(scenario) else decoder

    def device(self, scenario: Scenario) -> StageResult:
        """See `Bench`."""
        return StageResult(4, NOT_RUN, detail=DEVICE_NOTE)

    def notes(self, scenario: Scenario) -> tuple[str, ...]:
        """See `Bench`."""
        return (UNPADDED_NOTE,) if _is_continuous(scenario) else ()

    def _made(self, continuous: bool) -> Any:
        return _made(copy.deepcopy(self._subject.model), continuous)


def _made(model: Any, continuous: bool = False) -> Any:
    # A checkpoint's configuration names its class, and QEfficient asks for some families by that.
    model.config.architectures = [type(model).__name__]
    return QEFFAutoModelForCausalLM(model, continuous_batching=continuous)


def _is_continuous(scenario: Scenario) -> bool:
    return scenario.full_batch_size is not None


def is_served(family: Family) -> bool:
    """Whether QEfficient's transforms make anything else of the family's causal LM than it is, or fail to."""
    base, *_ = variants(family)
    try:
        made = _made(family.causal_lm_class(build_config(family, base))).model
    except Exception:  # it is a stage's result
        return True
    # What comes from outside of transformers keeps its class and gets other methods.
    return type(made) is not family.causal_lm_class or "forward" in vars(made)
