"""What validation found, as data: for the table, for JSON, for the exit code."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

STAGE_NAMES = {1: "Hugging Face", 2: "QEff PyTorch", 3: "ONNX Runtime", 4: "Cloud AI 100"}

# A stage's status. "not run" is never a pass.
EQUAL = "equal"
DIFFERENT = "different"
FAILED = "failed"
NOT_RUN = "not run"
REFERENCE = "reference"
# Stage 4 without a device. Neither of the first two is a pass: nothing has run.
PREFLIGHT_PASSED = "preflight passed, not run on hardware"
COMPILED = "compiled, not run on hardware"
PREFLIGHT_FAILED = "preflight failed"

_AGAINST_A_DEVICE = (PREFLIGHT_FAILED, FAILED, DIFFERENT)


@dataclass(frozen=True)
class StageResult:
    """One stage in one scenario.

    Attributes:
        stage: 1 to 4.
        status: `reference` (Stage 1 ran), `equal`, `different`, `failed` (it raised) or `not run`; for Stage 4 also
            that preflight passed or failed, or that the graph was compiled, and did not run on hardware.
        max_difference: max |logit difference| to Stage 1, where both ran.
        detail: for a reader: where it differs, why it failed, or why it was not run.
        texts: what each row says, for real weights.
    """

    stage: int
    status: str
    max_difference: float | None = None
    detail: str = ""
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScenarioResult:
    """All stages of one scenario of one variant.

    Attributes:
        model: model name.
        variant: configuration variant.
        scenario: scenario name.
        seed: the weights' seed; None for real weights.
        tolerance: largest allowed logit difference, in logits; None when there is no reference.
        min_margin: smallest gap between the two best logits of the reference, in logits; None likewise.
        context_sensitivity: change of the last logits by one early token, in standard deviations; None for real
            weights.
        stages: results of Stages 1 to 4, in order.
        notes: what the reader must know to judge the result.
        prompts: the prompts as text, for real weights.
    """

    model: str
    variant: str
    scenario: str
    seed: int | None
    tolerance: float | None
    min_margin: float | None
    context_sensitivity: float | None
    stages: tuple[StageResult, ...]
    notes: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Stages 2 and 3 ran and equal Stage 1."""
        return all(stage.status in (REFERENCE, EQUAL) for stage in self.stages if stage.stage <= 3)

    @property
    def passed(self) -> bool:
        """Stages 1 to 3 are equal, and Stage 4, as far as it went, found nothing wrong."""
        return self.equal and not any(stage.status in _AGAINST_A_DEVICE for stage in self.stages if stage.stage == 4)

    def as_json(self) -> dict[str, Any]:
        """The result as plain dictionaries, with `passed`; JSON has no infinity, so an infinite difference is null."""
        document = asdict(self) | {"passed": self.passed}
        for stage in document["stages"]:
            if stage["max_difference"] == math.inf:
                stage["max_difference"] = None
        return document

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> ScenarioResult:
        """The result that `as_json` made, or `dataclasses.asdict`, read from JSON.

        Raises:
            TypeError, KeyError, AttributeError: the document is not one.
        """
        fields = {name: value for name, value in document.items() if name != "passed"}
        stages = tuple(StageResult(**{**stage, "texts": tuple(stage["texts"])}) for stage in fields["stages"])
        lists = {"stages": stages, "notes": tuple(fields["notes"]), "prompts": tuple(fields["prompts"])}
        return cls(**{**fields, **lists})


@dataclass(frozen=True)
class Outcome:
    """Every scenario's result."""

    results: tuple[ScenarioResult, ...]

    @property
    def passed(self) -> bool:
        """Something ran, and all of it passed."""
        return bool(self.results) and all(result.passed for result in self.results)

    def as_json(self) -> dict[str, Any]:
        """The results as plain dictionaries, with `passed`."""
        return {"passed": self.passed, "scenarios": [result.as_json() for result in self.results]}


@dataclass(frozen=True)
class Row:
    """One line of the report before it has a result."""

    model: str
    variant: str
    scenario: str


@dataclass(frozen=True)
class StageStarted:
    """Progress: `stage` of `row` is running now."""

    row: Row
    stage: int


@dataclass(frozen=True)
class ScenarioFinished:
    """Progress: all stages of `row` are done."""

    row: Row
    result: ScenarioResult
