"""Every variation, by its kind."""

from __future__ import annotations

from tests.variations import aliases, arithmetic, branch, checks, count, imports, layout, mixing, own_lines, place
from tests.variations.variation import Variation

KINDS: dict[str, tuple[Variation, ...]] = {
    "place": place.VARIATIONS,
    "count": count.VARIATIONS,
    "branch": branch.VARIATIONS,
    "mixing": mixing.VARIATIONS,
    "arithmetic": arithmetic.VARIATIONS,
    "checks": checks.VARIATIONS,
    "aliases": aliases.VARIATIONS,
    "own lines": own_lines.VARIATIONS,
    "layout": layout.VARIATIONS,
    "imports": imports.VARIATIONS,
}
