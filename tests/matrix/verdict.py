"""What the results of all releases amount to: a table, and whatever is not as expected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.table import Table

from qeff_codegen.coverage.family_result import REFUSED, SUPPORTED, FamilyResult
from tests.matrix.expectations import Refused

# Results by release and family; a family that a release lacks has none there.
Results = Mapping[tuple[str, str], FamilyResult]
Expected = Mapping[tuple[str, str], Refused]


def unexpected(results: Results, expected: Expected) -> Iterator[str]:
    """One paragraph for each family that is neither supported nor refused as expected.

    A refusal that is expected and does not happen is one too: the list must not outlive its reasons.
    """
    for (release, family), result in results.items():
        refusal = expected.get((release, family))
        if result.state == SUPPORTED and refusal is None:
            continue
        if result.state == REFUSED and refusal is not None and refusal.rule == result.rule:
            continue
        where = f"{family}, transformers {release}"
        if result.state == SUPPORTED:
            yield f"{where}: supported, and the list of refusals says otherwise; take its row out."
        elif result.state == REFUSED:
            yield f"{where}: refused by {result.rule}: {result.reason}\n  at {result.place}"
        else:
            yield f"{where}: {result.state}: {result.reason}\n{result.detail}".rstrip()
    for release, family in expected:
        if (release, family) not in results:
            yield f"{family}, transformers {release}: the list of refusals has a row for it, and it was not run."


def as_table(results: Results, releases: Sequence[str], families: Sequence[str]) -> Table:
    """Families down, releases across."""
    table = Table("family", *releases, title="Generated, and Stages 1 to 3 (scenarios)", title_justify="left")
    for family in families:
        table.add_row(family, *(_cell(results.get((release, family))) for release in releases))
    return table


def _cell(result: FamilyResult | None) -> str:
    if result is None:
        return "-"
    if result.state == SUPPORTED:
        return f"supported ({result.scenarios})"
    return f"refused: {result.rule}" if result.state == REFUSED else result.state.upper()
