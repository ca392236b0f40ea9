"""How long each family took in the last sweep, for what runs when and where.

A family takes from no time to most of a minute. Begun last, a long one would keep the other processes waiting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median

from qeff_codegen.coverage.swept import read_coverage
from qeff_codegen.errors import UsageError


def measured_seconds(coverage: Path, task: str) -> dict[str, float]:
    """Seconds for each family, as `coverage.json` of an earlier sweep for a task has them; none where there is none.

    Raises:
        UsageError: the file is damaged.
    """
    if not coverage.is_file():
        return {}
    try:
        swept = read_coverage(coverage).get(task)
    except ValueError as error:
        raise UsageError(
            f"{coverage} cannot be read: {error}. Take it from a checkout again, or "
            "choose another folder with --output."
        ) from error
    return {} if swept is None else {result.family: result.seconds for result in swept.results}


def seconds_of(family: str, seconds: Mapping[str, float]) -> float:
    """A family's; one that was never swept is taken to be as the median."""
    return seconds[family] if family in seconds else median(seconds.values() or (1.0,))


def longest_first(families: Iterable[str], seconds: Mapping[str, float]) -> list[str]:
    """The families in the order to begin them in.

    The name decides between equals, so that every machine orders alike.
    """
    return sorted(families, key=lambda family: (-seconds_of(family, seconds), family))
