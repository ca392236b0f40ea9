"""Every variation, by its kind, and what the code that is generated from those of a kind is run by."""

from __future__ import annotations

from tests.variations import (
    aliases,
    arithmetic,
    branch,
    checks,
    count,
    hidden,
    imports,
    layout,
    mixing,
    names,
    own_lines,
    place,
)
from tests.variations.bench import Runs
from tests.variations.variation import Variation

KINDS: dict[str, tuple[Variation, ...]] = {
    "place": place.VARIATIONS,
    "count": count.VARIATIONS,
    "branch": branch.VARIATIONS,
    "mixing": mixing.VARIATIONS,
    "hidden": hidden.VARIATIONS,
    "arithmetic": arithmetic.VARIATIONS,
    "checks": checks.VARIATIONS,
    "aliases": aliases.VARIATIONS,
    "own lines": own_lines.VARIATIONS,
    "layout": layout.VARIATIONS,
    "imports": imports.VARIATIONS,
    "names": names.VARIATIONS,
}
# Where lengths and axes are the point, the graph is.
_WITH_GRAPH = ("place", "count", "branch", "mixing", "hidden")


def runs_of(kind: str) -> Runs:
    """What the code generated from a kind's variations is run by."""
    return Runs.WITH_GRAPH if kind in _WITH_GRAPH else Runs.PYTORCH
