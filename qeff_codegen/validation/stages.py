"""Stages 2 to 4 of one subject, each compared with Stage 1."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch

from qeff_codegen.errors import QEffCodegenError
from qeff_codegen.validation.bench import Bench, Runtime
from qeff_codegen.validation.comparison import Trace, compare, min_margin, tolerance_for
from qeff_codegen.validation.decode_scenario import decode_greedily
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

_PYTORCH = Path(torch.__file__).parent
# Stages 1 to 3 run anywhere.
ALL_STAGES = 3


def run_stages(
    subject: Subject, runtime: Runtime, last_stage: int = ALL_STAGES
) -> Iterator[StageStarted | ScenarioFinished]:
    """Run all scenarios of `subject` up to `last_stage`, reporting stages as they start and scenarios as they end."""
    with tempfile.TemporaryDirectory(prefix="qeff_codegen-") as folder:
        bench = runtime.bench(subject, Path(folder))
        stages = _Stages(subject, bench)
        for scenario, reference in zip(subject.scenarios, subject.references, strict=True):
            row = Row(subject.model_name, subject.variant, scenario.name)
            yield StageStarted(row, 2)
            pytorch = _attempt(2, partial(stages.pytorch, scenario, reference))
            if last_stage < 3:
                onnx = StageResult(3, NOT_RUN, detail="not asked for")
            elif pytorch.status == EQUAL:
                yield StageStarted(row, 3)
                onnx = _attempt(3, partial(stages.onnx, scenario, reference))
            else:
                onnx = StageResult(3, NOT_RUN, detail=f"Stage 2 is {pytorch.status}")
            if onnx.status == EQUAL:
                yield StageStarted(row, 4)
                device = _attempt(4, partial(stages.device, scenario))
            else:
                device = StageResult(4, NOT_RUN, detail=f"Stage 3 is {onnx.status}")
            first = StageResult(1, REFERENCE, texts=stages.texts(reference))
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
                    notes=(*subject.notes, *bench.notes(scenario)),
                    prompts=subject.prompts,
                ),
            )


class _Stages:
    """Stages 2 to 4 of one subject, on one bench."""

    def __init__(self, subject: Subject, bench: Bench) -> None:
        self._subject = subject
        self._bench = bench

    def pytorch(self, scenario: Scenario, reference: Trace) -> StageResult:
        """Stage 2: the QEff classes on PyTorch."""
        trace = decode_greedily(self._bench.fed(self._bench.pytorch(scenario), scenario), scenario)
        return self._compared(
            2, reference, trace, lambda prompt: find_module(self._subject.model, self._bench, scenario, prompt)
        )

    def onnx(self, scenario: Scenario, reference: Trace) -> StageResult:
        """Stage 3: the exported graph on ONNX Runtime."""
        trace = decode_greedily(self._bench.fed(self._bench.onnx(scenario), scenario), scenario)
        return self._compared(3, reference, trace, lambda _prompt: find_output(self._bench, scenario))

    def device(self, scenario: Scenario) -> StageResult:
        """Stage 4: as far as it goes without a device."""
        return self._bench.device(scenario)

    def texts(self, trace: Trace) -> tuple[str, ...]:
        """What each row says, for subjects with a tokenizer."""
        decode = self._subject.decode
        return () if decode is None else tuple(decode(tokens) for tokens in trace.tokens)

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
    """The result of a stage that raised: what, and where; what is raised within PyTorch, where it was called.

    An error that is meant for the user says all of that itself.
    """
    if isinstance(error, QEffCodegenError):
        return StageResult(stage, FAILED, detail=str(error))
    frames = traceback.extract_tb(error.__traceback__)
    outside = [frame for frame in frames if not Path(frame.filename).is_relative_to(_PYTORCH)]
    place = (outside or frames)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}, in {place.name}"
    return StageResult(stage, FAILED, detail=f"{type(error).__name__}: {error}\nat {where}")


def _attempt(stage: int, run: Callable[[], StageResult]) -> StageResult:
    """Run one stage; an exception in generated code or the exporter is that stage's result, not the command's end."""
    try:
        return run()
    except Exception as error:  # generated code may raise anything
        return failure(stage, error)
