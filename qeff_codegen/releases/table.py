"""The table of families: which transformers releases have them, as data in this package.

`families.json` is written by `python -m qeff_codegen.releases.collect` and read like a log: every release says what it
changed against the one before it, so that a new release adds lines and changes none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

FILE_NAME = "families.json"


@dataclass(frozen=True)
class Release:
    """What the auto tables of one transformers release know.

    Attributes:
        version: the release.
        causal_lm: model type to the class that is its causal LM.
        without: model types that have no causal LM.
    """

    version: str
    causal_lm: Mapping[str, str]
    without: frozenset[str]


def load_table() -> tuple[Release, ...]:
    """Every release of the table, oldest first."""
    return parse((files("qeff_codegen.releases") / FILE_NAME).read_text("utf-8"))


def render(releases: Sequence[Release]) -> str:
    """The table as JSON; the same releases give the same bytes."""
    log = []
    before = Release("", {}, frozenset())
    for release in releases:
        log.append({"version": release.version, **_changes(before, release)})
        before = release
    return json.dumps({"releases": log}, indent=1, sort_keys=True) + "\n"


def parse(text: str) -> tuple[Release, ...]:
    """The releases of a table that `render` wrote."""
    releases: list[Release] = []
    causal_lm: dict[str, str] = {}
    without: set[str] = set()
    for record in json.loads(text)["releases"]:
        for model_type in (*record["gone"], *record["without_causal_lm"], *record["causal_lm"]):
            causal_lm.pop(model_type, None)
            without.discard(model_type)
        causal_lm.update(record["causal_lm"])
        without.update(record["without_causal_lm"])
        releases.append(Release(record["version"], dict(causal_lm), frozenset(without)))
    return tuple(releases)


def _changes(before: Release, release: Release) -> dict[str, Any]:
    """What is new, what has another class, and what is no longer there."""
    known = {*before.causal_lm, *before.without}
    return {
        "causal_lm": dict(release.causal_lm.items() - before.causal_lm.items()),
        "gone": sorted(known - {*release.causal_lm, *release.without}),
        "without_causal_lm": sorted(release.without - before.without),
    }
