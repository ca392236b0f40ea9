"""What the sweeps of one checkout found, for each task that families are swept for: the document `coverage.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qeff_codegen.coverage.family_result import FamilyResult

# Tasks by the names that Hugging Face has for them, in the order in which they are told of.
TEXT = "text-generation"
IMAGES = "image-text-to-text"
TASKS = (TEXT, IMAGES)


@dataclass(frozen=True)
class Swept:
    """One sweep over the families of one task.

    Attributes:
        transformers: the release that was swept.
        last_stage: the last stage that was asked for.
        results: of all families.
    """

    transformers: str
    last_stage: int
    results: tuple[FamilyResult, ...]

    def as_json(self) -> dict[str, Any]:
        """The sweep as a plain dictionary, its families sorted by name."""
        families = [result.as_json() for result in sorted(self.results, key=lambda result: result.family)]
        return {"transformers": self.transformers, "last_stage": self.last_stage, "families": families}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Swept:
        """The sweep that `as_json` turned into `record`."""
        results = tuple(map(FamilyResult.from_json, record["families"]))
        return cls(record["transformers"], record["last_stage"], results)


def read_coverage(path: Path) -> dict[str, Swept]:
    """What was swept for each task; a task that never was is missing.

    Raises:
        OSError: there is no such file.
        ValueError: the file is damaged, or of an older form.
    """
    try:
        found = {task: Swept.from_json(record) for task, record in json.loads(path.read_text("utf-8")).items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is damaged or old: {error!r}") from error
    if not found.keys() <= set(TASKS):
        raise ValueError(f"it is damaged or old: it has {', '.join(found)}, and tasks are {', '.join(TASKS)}")
    return found
