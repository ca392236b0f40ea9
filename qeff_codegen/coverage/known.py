"""What is known of a family without running anything: the last sweep's results, as they lie in this checkout."""

from __future__ import annotations

import json
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from qeff_codegen.coverage.family_result import REFUSED, SUPPORTED, FamilyResult
from qeff_codegen.coverage.swept import TASKS, read_coverage
from qeff_codegen.coverage.swept_code import code_of
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.upstream.spelling import plain, spelled

# They stand in the documentation of a checkout; an installation has them among its data, or knows nothing.
_CHECKOUT = Path(__file__).resolve().parents[2] / "docs"
_INSTALLED = Path(sysconfig.get_path("data")) / "share" / "qeff_codegen"
DOCS = _CHECKOUT if (_CHECKOUT / "coverage.json").is_file() else _INSTALLED
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
    results = all_known(coverage)
    name = spelled(family, results)
    return None if name is None else results[name]


def all_known(coverage: Path = COVERAGE) -> dict[str, Known]:
    """What the last sweep found, by family; nothing where its results are not here, or cannot be read."""
    try:
        tasks = read_coverage(coverage)
    except (OSError, ValueError):
        return {}
    # A family of both tables is one model, and has one result.
    return {
        result.family: Known(tasks[task].transformers, result)
        for task in reversed(TASKS)
        if task in tasks
        for result in tasks[task].results
    }


def of_this_code(model: GeneratedModel, swept: Mapping[str, Known]) -> Iterable[Known]:
    """What a sweep found of the families that a model serves, where it ran this very code against this very source."""
    code = code_of(model)
    for family in model.upstream.families or (model.name,):
        found = swept.get(family)
        if found is not None and found.result.code == code:
            yield found
