"""What is known of a family without running anything: the last sweep's results, as they lie in this checkout."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from qeff_codegen.coverage.family_result import REFUSED, SUPPORTED, FamilyResult
from qeff_codegen.upstream.spelling import spelled

# An installation without the documentation knows nothing.
COVERAGE = Path(__file__).resolve().parents[2] / "docs" / "coverage.json"


@dataclass(frozen=True)
class Known:
    """The last sweep's result of a family.

    Attributes:
        transformers: the release that was swept.
    """

    transformers: str
    result: FamilyResult

    @property
    def is_supported(self) -> bool:
        """Whether Stages 1 to 3 were equal in every scenario."""
        return self.result.state == SUPPORTED

    @property
    def is_refused(self) -> bool:
        """Whether nothing was generated."""
        return self.result.state == REFUSED

    @property
    def why(self) -> str:
        """Why it is not supported, with the rule that said so and the place; empty for one that is."""
        where = ", ".join(part for part in (self.result.rule, self.result.place) if part)
        return f"{self.result.reason} ({where})" if where else self.result.reason


def known(family: str, coverage: Path = COVERAGE) -> Known | None:
    """What the last sweep found of a family; None where it did not see it, or where its results are not here."""
    try:
        document = json.loads(coverage.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    results = {record["family"]: record for record in document["families"]}
    name = spelled(family, results)
    return None if name is None else Known(document["transformers"], FamilyResult.from_json(results[name]))
