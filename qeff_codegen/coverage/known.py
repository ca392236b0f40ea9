"""What is known of a family without running anything: the last sweep's results, as they lie in this checkout."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from qeff_codegen.coverage.family_result import REFUSED, SUPPORTED, FamilyResult
from qeff_codegen.coverage.swept import read_coverage
from qeff_codegen.upstream.spelling import plain, spelled

# An installation without the documentation knows nothing.
DOCS = Path(__file__).resolve().parents[2] / "docs"
COVERAGE = DOCS / "coverage.json"
SURVEY = DOCS / "releases.json"


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


def refused_at(family: str, release: str, survey: Path = SURVEY) -> str | None:
    """Why a family of a release is refused, as the last survey of releases found; empty where it was generated.

    Returns:
        None where the survey did not see the release, or where its results are not here.
    """
    try:
        document = json.loads(survey.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    for record in document["releases"]:
        if record["release"] == release:
            reasons = [other for other in record["refused"] if plain(other["family"]) == plain(family)]
            return f"{reasons[0]['reason']} ({reasons[0]['rule']}, {reasons[0]['place']})" if reasons else ""
    return None


def known(family: str, coverage: Path = COVERAGE) -> Known | None:
    """What the last sweep found of a family; None where it did not see it, or where its results are not here."""
    try:
        tasks = read_coverage(coverage)
    except (OSError, ValueError):
        return None
    for swept in tasks.values():
        results = {result.family: result for result in swept.results}
        name = spelled(family, results)
        if name is not None:
            return Known(swept.transformers, results[name])
    return None
