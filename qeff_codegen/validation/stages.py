"""Stages 2 to 4 of one subject, each compared with Stage 1."""

from __future__ import annotations

import copy
import tempfile
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from qeff_codegen.deploy.graph import GRAPH_FILE, ExportedGraph
from qeff_codegen.runtime.export import export_onnx
from qeff_codegen.runtime.graph_io import ExportSpec, kv_names
from qeff_codegen.runtime.kv_cache import kv_cache_shapes
from qeff_codegen.runtime.session import OrtDecoderSession
from qeff_codegen.runtime.torch_decoder import TorchDecoder
from qeff_codegen.validation.comparison import Trace, compare, min_margin, tolerance_for
from qeff_codegen.validation.decoding import decode_greedily
from qeff_codegen.validation.device import DeviceStage
from qeff_codegen.validation.generated_code import GeneratedTransforms
from qeff_codegen.validation.replay import find_module, find_output
from qeff_codegen.validation.results import (
    DIFFERENT,
    EQUAL,
    FAILED,
    NOT_RUN,
    REFERENCE,
    Row,
    ScenarioFinished,
    ScenarioResult,
    StageResult,
    StageStarted,
)
from qeff_codegen.validation.scenarios import Scenario
from qeff_codegen.validation.subjects import Subject

# Stages 1 to 3 run anywhere.
ALL_STAGES = 3


def run_stages(
    subject: Subject, transforms: GeneratedTransforms, last_stage: int = ALL_STAGES
) -> Iterator[StageStarted | ScenarioFinished]:
    """Run all scenarios of `subject` up to `last_stage`, reporting stages as they start and scenarios as they end.

    The QEff model is made once and exported once, since batch size, sequence length and context length are dynamic;
    continuous batching has a graph of its own.
    """
    with tempfile.TemporaryDirectory(prefix="qeff_codegen-") as folder:
        bench = _Bench(subject, transforms, Path(folder))
        for scenario, reference in zip(subject.scenarios, subject.references, strict=True):
            row = Row(subject.model_name, subject.variant, scenario.name)
            yield StageStarted(row, 2)
            pytorch = _attempt(2, partial(bench.pytorch_stage, scenario, reference))
            if last_stage < 3:
                onnx = StageResult(3, NOT_RUN, detail="not asked for")
            elif pytorch.status == EQUAL:
                yield StageStarted(row, 3)
                onnx = _attempt(3, partial(bench.onnx_stage, scenario, reference))
            else:
                onnx = StageResult(3, NOT_RUN, detail=f"Stage 2 is {pytorch.status}")
            if onnx.status == EQUAL:
                yield StageStarted(row, 4)
                device = _attempt(4, partial(bench.device_stage, scenario))
            else:
                device = StageResult(4, NOT_RUN, detail=f"Stage 3 is {onnx.status}")
            first = StageResult(1, REFERENCE, texts=bench.texts(reference))
            yield ScenarioFinished(
                row,
                ScenarioResult(
                    model=subject.model_name,
                    variant=subject.variant,
                    scenario=scenario.name,
                    seed=subject.seed,
                    tolerance=tolerance_for(reference),
                    min_margin=min_margin(reference),
                    context_sensitivity=subject.sensitivity,
                    stages=(first, pytorch, onnx, device),
                    notes=subject.notes,
                    prompts=subject.prompts,
                ),
            )


class _Bench:
    """One subject's QEff model and its exported graphs, each made when first needed."""

    def __init__(self, subject: Subject, transforms: GeneratedTransforms, folder: Path) -> None:
        self._subject = subject
        self._transforms = transforms
        self._folder = folder
        self._qeff_model: Any = None
        self._graphs: dict[bool, ExportedGraph] = {}
        self._device: DeviceStage | None = None

    def pytorch_stage(self, scenario: Scenario, reference: Trace) -> StageResult:
        """Stage 2: the generated classes on PyTorch."""
        decoder = TorchDecoder(self._model(), scenario.cache_rows, scenario.ctx_len)
        trace = decode_greedily(decoder, scenario)
        return self._compared(
            2, reference, trace, lambda prompt: find_module(self._subject.model, self._model(), scenario, prompt)
        )

    def onnx_stage(self, scenario: Scenario, reference: Trace) -> StageResult:
        """Stage 3: the exported graph on ONNX Runtime."""
        onnx_path = self._exported(scenario).onnx_path
        decoder = OrtDecoderSession(onnx_path, scenario.cache_rows, scenario.ctx_len)
        trace = decode_greedily(decoder, scenario)
        return self._compared(3, reference, trace, lambda _prompt: find_output(self._model(), onnx_path, scenario))

    def device_stage(self, scenario: Scenario) -> StageResult:
        """Stage 4: as far as it goes without a device."""
        if self._device is None:
            self._device = DeviceStage(self._model())
        return self._device.result(scenario, self._exported(scenario))

    def texts(self, trace: Trace) -> tuple[str, ...]:
        """What each row says, for subjects with a tokenizer."""
        decode = self._subject.decode
        return () if decode is None else tuple(decode(tokens) for tokens in trace.tokens)

    def _exported(self, scenario: Scenario) -> ExportedGraph:
        continuous = scenario.full_batch_size is not None
        if continuous not in self._graphs:
            model = self._model()
            longest = max(planned.ctx_len for planned in self._subject.scenarios)
            spec = ExportSpec(ctx_len=longest, continuous_batching=continuous)
            onnx_path = self._folder / ("continuous" if continuous else "plain") / GRAPH_FILE
            export_onnx(model, onnx_path, spec)
            names = tuple(kv_names(kv_cache_shapes(model)))
            transforms = tuple(transform.__name__ for transform in self._transforms.transforms)
            self._graphs[continuous] = ExportedGraph(onnx_path, spec, names, transforms, ())
        return self._graphs[continuous]

    def _model(self) -> Any:
        if self._qeff_model is None:
            self._qeff_model = self._transforms.apply(copy.deepcopy(self._subject.model))
        return self._qeff_model

    def _compared(self, stage: int, reference: Trace, trace: Trace, triage: Callable[[int], str]) -> StageResult:
        outcome = compare(reference, trace)
        texts = self.texts(trace)
        if outcome.divergence is None:
            return StageResult(stage, EQUAL, outcome.max_difference, texts=texts)
        try:
            place = triage(outcome.divergence.prompt)
        except Exception as error:  # the difference must be reported even if its place cannot be found
            place = f"the place could not be found: {failure(stage, error).detail}"
        detail = f"{outcome.divergence} (tolerance {outcome.tolerance:.2g})\n{place}"
        return StageResult(stage, DIFFERENT, outcome.max_difference, detail, texts)


def failure(stage: int, error: Exception) -> StageResult:
    """The result of a stage that raised: what, and where it was raised."""
    innermost = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(innermost.filename).name}:{innermost.lineno}, in {innermost.name}"
    return StageResult(stage, FAILED, detail=f"{type(error).__name__}: {error}\nat {where}")


def _attempt(stage: int, run: Callable[[], StageResult]) -> StageResult:
    """Run one stage; an exception in generated code or the exporter is that stage's result, not the command's end."""
    try:
        return run()
    except Exception as error:  # generated code may raise anything
        return failure(stage, error)
