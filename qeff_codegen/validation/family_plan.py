"""What one family is put through: every variant, every scenario."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace

from qeff_codegen.tiny_models.configurations import Variant, variants
from qeff_codegen.tiny_models.families import Family, is_of_transformers
from qeff_codegen.validation.bench import Runtime
from qeff_codegen.validation.older_caches import OlderCaches
from qeff_codegen.validation.results import (
    NOT_RUN,
    Row,
    ScenarioFinished,
    ScenarioResult,
    StageResult,
    StageStarted,
)
from qeff_codegen.validation.scenarios import scenarios
from qeff_codegen.validation.stages import ALL_STAGES, failure, run_stages
from qeff_codegen.validation.subjects import tiny_subject


@dataclass(frozen=True)
class Plan:
    """One family's variants, to be run with its QEff classes.

    Attributes:
        runtime: what makes its QEff model and runs it.
        last_stage: the stage to stop after, 2 or 3.
    """

    family: Family
    runtime: Runtime
    variants: tuple[Variant, ...]
    last_stage: int = ALL_STAGES

    def rows(self) -> Iterator[Row]:
        """The rows of the report, in the order in which they run."""
        for variant in self.variants:
            for scenario in scenarios(variant.kind, vocab_size=2, seed=0):
                yield Row(self.family.name, variant.name, scenario.name)

    def run(self) -> Iterator[StageStarted | ScenarioFinished]:
        """Run everything; whatever upstream's or generated code raises is a scenario's result."""
        older = OlderCaches()
        with nullcontext() if is_of_transformers(self.family.causal_lm_class) else older.answering():
            for variant in self.variants:
                yield from self._run(variant, older)

    def _run(self, variant: Variant, older: OlderCaches) -> Iterator[StageStarted | ScenarioFinished]:
        rows = [row for row in self.rows() if row.variant == variant.name]
        yield from (StageStarted(row, 1) for row in rows)
        try:
            subject = tiny_subject(self.family, variant)
        except Exception as error:  # upstream's code may raise anything
            yield from (ScenarioFinished(row, without_reference(row, error)) for row in rows)
        else:
            subject = replace(subject, notes=(*subject.notes, *older.notes()))
            yield from run_stages(subject, self.runtime, self.last_stage)


def plan_for(family: Family, runtime: Runtime, last_stage: int = ALL_STAGES) -> Plan:
    """All variants of `family`."""
    return Plan(family, runtime, variants(family), last_stage)


def without_reference(row: Row, error: Exception) -> ScenarioResult:
    """The result of a scenario for which upstream's model gave no answers."""
    skipped = (StageResult(stage, NOT_RUN, detail="Stage 1 failed") for stage in (2, 3, 4))
    stages = (failure(1, error), *skipped)
    return ScenarioResult(row.model, row.variant, row.scenario, None, None, None, None, stages)
