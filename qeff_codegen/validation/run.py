"""The whole of `validate`: every named model, every variant, and real weights if asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from transformers.utils import logging as transformers_logging

from qeff_codegen.errors import UsageError
from qeff_codegen.validation.families import Family, find_family
from qeff_codegen.validation.generated_code import GeneratedTransforms, load_transforms
from qeff_codegen.validation.real_text import real_rows, real_subject
from qeff_codegen.validation.report import reporting, summary, texts
from qeff_codegen.validation.results import (
    NOT_RUN,
    Row,
    ScenarioFinished,
    ScenarioResult,
    StageResult,
    StageStarted,
)
from qeff_codegen.validation.scenarios import scenarios
from qeff_codegen.validation.stages import device_stage, failure, run_stages
from qeff_codegen.validation.subjects import tiny_subject
from qeff_codegen.validation.tiny_config import Variant, variants
from qeff_codegen.validation.weights import PackagedWeights, fetch


@dataclass(frozen=True)
class Outcome:
    """Every scenario's result."""

    results: tuple[ScenarioResult, ...]

    @property
    def passed(self) -> bool:
        """Something ran, and Stages 1 to 3 were equal in all of it."""
        return bool(self.results) and all(result.passed for result in self.results)

    def as_json(self) -> dict[str, Any]:
        """The results as plain dictionaries, with `passed`."""
        return {"passed": self.passed, "scenarios": [result.as_json() for result in self.results]}


@dataclass(frozen=True)
class _Plan:
    family: Family
    transforms: GeneratedTransforms
    variants: tuple[Variant, ...]

    def rows(self) -> Iterator[Row]:
        for variant in self.variants:
            for scenario in scenarios(variant.kind, vocab_size=2, seed=0):
                yield Row(self.family.name, variant.name, scenario.name)

    def run(self) -> Iterator[StageStarted | ScenarioFinished]:
        for variant in self.variants:
            rows = [row for row in self.rows() if row.variant == variant.name]
            yield from (StageStarted(row, 1) for row in rows)
            try:
                subject = tiny_subject(self.family, variant)
            except Exception as error:  # upstream's code may raise anything
                yield from (ScenarioFinished(row, _without_reference(row, error)) for row in rows)
            else:
                yield from run_stages(subject, self.transforms)


def _without_reference(row: Row, error: Exception) -> ScenarioResult:
    skipped = (StageResult(stage, NOT_RUN, detail="Stage 1 failed") for stage in (2, 3))
    stages = (failure(1, error), *skipped, device_stage())
    return ScenarioResult(row.model, row.variant, row.scenario, None, None, None, None, stages)


def validate_models(
    names: Sequence[str], weights: PackagedWeights | None, generated: Path, console: Console
) -> Outcome:
    """Validate each name in turn, showing progress and a summary on `console`.

    Args:
        names: generated models.
        weights: real weights to run as well; their model must be among `names`.
        generated: the folder the models were generated into.
        console: where progress goes.

    Raises:
        UsageError: a name is unknown or not generated, or the weights belong to another model or cannot be fetched.
    """
    if weights is not None and weights.model_type not in names:
        raise UsageError(
            f"--weights {weights.name} are for `{weights.model_type}`, which is not among the names given.\n"
            f"Run `python -m qeff_codegen validate {weights.model_type} --weights {weights.name}`."
        )
    # Generated first: the cheaper check, and the one whose message says what to run.
    loaded = [load_transforms(name, generated) for name in dict.fromkeys(names)]
    # Upstream warns about the odd values of tiny configurations; they are meant.
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    families = [find_family(name) for name in dict.fromkeys(names)]
    plans = [_Plan(family, transforms, variants(family)) for family, transforms in zip(families, loaded, strict=True)]
    if weights is not None:
        # A download that fails should fail before the tiny models have run.
        fetch(weights)
    rows = [row for plan in plans for row in plan.rows()]
    rows += [] if weights is None else real_rows(weights)
    results: list[ScenarioResult] = []
    with reporting(console, rows) as reporter:
        for event in _events(plans, weights):
            reporter.show(event)
            if isinstance(event, ScenarioFinished):
                results.append(event.result)
    for result in results:
        console.print(texts(result), markup=False, highlight=False, soft_wrap=True, end="")
    console.print(summary(results), markup=False, highlight=False, soft_wrap=True)
    return Outcome(tuple(results))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Tiny tensors are computed faster by one thread than shared between several."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _events(plans: list[_Plan], weights: PackagedWeights | None) -> Iterator[StageStarted | ScenarioFinished]:
    with _one_thread():
        for plan in plans:
            yield from plan.run()
    if weights is not None:
        transforms = next(plan.transforms for plan in plans if plan.family.name == weights.model_type)
        yield from (StageStarted(row, 1) for row in real_rows(weights))
        yield from run_stages(real_subject(weights), transforms)
