"""Which families are generated from which release, as the last survey over releases found it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from qeff_codegen.coverage.family_result import REFUSED, FamilyResult
from qeff_codegen.releases.table import Release

GENERATED = "supported"
NOT_THERE = "not there"


@dataclass(frozen=True)
class Cell:
    """One family in one release.

    Attributes:
        state: generated and verified from text, refused, or not there.
        reason, rule, place: why it is refused, by which rule, and `file:line` of what it refused; empty where the
            survey kept none of it.
    """

    state: str
    reason: str = ""
    rule: str = ""
    place: str = ""


@dataclass(frozen=True)
class ReleaseMap:
    """All families in all releases that were surveyed.

    Attributes:
        releases: oldest first.
        rows: for each family, a cell for each release.
    """

    releases: tuple[str, ...]
    rows: Mapping[str, tuple[Cell, ...]]

    def spans(self, family: str) -> tuple[tuple[str, str, Cell], ...]:
        """A family's way through the releases: first and last release of each run with the same cell."""
        row = zip(self.releases, self.rows.get(family, ()), strict=False)
        runs = [(cell, list(run)) for cell, run in groupby(row, lambda item: item[1])]
        return tuple((run[0][0], run[-1][0], cell) for cell, run in runs)


def release_map(
    surveyed: Sequence[Mapping[str, Any]], table: Sequence[Release], swept: Iterable[FamilyResult], pinned: str
) -> ReleaseMap:
    """The map.

    Args:
        surveyed: the releases of `docs/releases.json`.
        table: which release has which families.
        swept: of the release that was swept, for reasons that the survey does not keep.
        pinned: that release.
    """
    there = {release.version: release.causal_lm for release in table}
    reasons = {result.family: result for result in swept if result.state == REFUSED}
    found = [record for record in surveyed if record["release"] in there]
    names = sorted({name for record in found for name in there[record["release"]]})
    columns = [
        _column(record, there[record["release"]], reasons if record["release"] == pinned else {}) for record in found
    ]
    return ReleaseMap(
        tuple(record["release"] for record in found),
        {name: tuple(column.get(name, Cell(NOT_THERE)) for column in columns) for name in names},
    )


def _column(record: Mapping[str, Any], there: Iterable[str], reasons: Mapping[str, FamilyResult]) -> dict[str, Cell]:
    generated = set(record["generated_families"])
    refused = {item["family"]: item for item in record["refused"]}
    cells = {}
    for name in there:
        if name in generated:
            cells[name] = Cell(GENERATED)
        elif name in refused:
            item = refused[name]
            cells[name] = Cell(REFUSED, item["reason"], item["rule"], item["place"])
        elif name in reasons:
            result = reasons[name]
            cells[name] = Cell(REFUSED, result.reason, result.rule, result.place)
        else:
            cells[name] = Cell(REFUSED)
    return cells
