"""How near to the tolerance one scenario came, in shares of it: what is kept of a scenario that was equal."""

from __future__ import annotations

import math
from dataclasses import dataclass

from qeff_codegen.validation.results import ScenarioResult

# The numbers differ between machines beyond this.
SIGNIFICANT_DIGITS = 3


@dataclass(frozen=True)
class ScenarioMargins:
    """One scenario of one variant.

    Attributes:
        variant, scenario: their names.
        torch, onnx: the largest logit difference of Stages 2 and 3 to Stage 1, over the largest allowed; None where
            the stage did not run, or gave something that is no number.
        choice: the gap between the two best logits of the reference where they are closest, over the largest allowed
            difference.
    """

    variant: str
    scenario: str
    torch: float | None
    onnx: float | None
    choice: float | None


def margins_of(result: ScenarioResult) -> ScenarioMargins:
    """The margins of a scenario as validation found them."""
    differences = {stage.stage: stage.max_difference for stage in result.stages}

    def share(value: float | None) -> float | None:
        if value is None or not result.tolerance or not math.isfinite(value):
            return None
        return float(f"{value / result.tolerance:.{SIGNIFICANT_DIGITS}g}")

    return ScenarioMargins(
        result.variant,
        result.scenario,
        share(differences.get(2)),
        share(differences.get(3)),
        share(result.min_margin),
    )


def shown(share: float | None) -> str:
    """A share of the tolerance as a reader sees it."""
    return "not run" if share is None else f"{share:.2g}"
