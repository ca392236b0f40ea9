"""A sweep in parts, on several machines: which families a part has, and the pages made of all parts.

Parts of as many families each would end at very different times. What the last sweep measured deals them out: the
longest first, each to the part that has least to do. Every machine deals alike, from the same checked-in
`coverage.json`.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from qeff_codegen.coverage.family_result import FamilyResult
from qeff_codegen.coverage.swept import TEXT, Swept
from qeff_codegen.engine.rules_hash import rules_sha256
from qeff_codegen.errors import UsageError
from qeff_codegen.files.whole_file import write_whole
from qeff_codegen.sweep.measured_seconds import longest_first, seconds_of
from qeff_codegen.sweep.result_key import PACKAGES, own_sha256


@dataclass(frozen=True)
class Shard:
    """Part `number`, counted from 1, of `count`."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def of(self, families: Iterable[str], seconds: Mapping[str, float]) -> tuple[str, ...]:
        """This part's families, in their order.

        Args:
            families: all families of the sweep.
            seconds: how long families took.
        """
        families = tuple(families)
        loads = [0.0] * self.count
        own = set()
        for family in longest_first(families, seconds):
            least = loads.index(min(loads))
            loads[least] += seconds_of(family, seconds)
            own |= {family} if least == self.number - 1 else set()
        return tuple(family for family in families if family in own)


@dataclass(frozen=True)
class Part:
    """What one machine found out.

    Attributes:
        shard: which part it is, `K/N`.
        task: what the families are swept for.
        made_from: the task, the transformers release, the stages, and hashes and versions of what ran.
        results: of its families.
    """

    shard: str
    task: str
    made_from: dict[str, str]
    results: tuple[FamilyResult, ...]


def write_part(shard: Shard, task: str, swept: Swept, folder: Path) -> Path:
    """Write what a part of a task's sweep found out, for `read_parts`; gives the file's path.

    Raises:
        UsageError: the folder cannot be written to.
    """
    document = {
        "shard": str(shard),
        "made_from": _made_from(task, swept.last_stage),
        "families": [result.as_json() for result in swept.results],
    }
    of_task = "" if task == TEXT else f"{task}-"
    path = folder / f"sweep-{of_task}{shard.number}-of-{shard.count}.json"
    try:
        write_whole(path, json.dumps(document, indent=2) + "\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}. Choose another folder with --work.") from error
    return path


def read_parts(paths: Sequence[Path]) -> tuple[Part, ...]:
    """The parts of one sweep.

    Raises:
        UsageError: a file is no part, is of another sweep than the others, or two hold the same family.
    """
    parts = tuple(map(_read, paths))
    families: dict[str, Path] = {}
    for path, part in zip(paths, parts, strict=True):
        for name in sorted(part.made_from.keys() | parts[0].made_from.keys()):
            ours, first = part.made_from.get(name), parts[0].made_from.get(name)
            if ours != first:
                raise UsageError(
                    f"{path} is of another sweep than {paths[0]}: {name} is {ours}, not {first}.\n"
                    "Run every part from the same commit, in the same environment."
                )
        for result in part.results:
            if result.family in families:
                raise UsageError(
                    f"{path} and {families[result.family]} both hold {result.family}: they are parts of different "
                    "divisions. Give each part of one N once."
                )
            families[result.family] = path
    return parts


def what_is_missing(parts: Sequence[Part], families: Sequence[str]) -> str:
    """Which parts, and which families, no file holds, and what to run; empty where all are there."""
    found = {result.family for part in parts for result in part.results}
    missing = [family for family in families if family not in found]
    if not missing:
        return ""
    count = int(parts[0].shard.split("/")[1])
    given = {part.shard for part in parts}
    absent = [shard for shard in (f"{number}/{count}" for number in range(1, count + 1)) if shard not in given]
    of_task = "" if parts[0].task == TEXT else f" --task {parts[0].task}"
    shown = f"{len(missing)} of {len(families)} families are in no part: {', '.join(missing)}."
    return shown + "".join(f"\nRun `python -m qeff_codegen sweep{of_task} --shard {shard}`." for shard in absent)


def _made_from(task: str, last_stage: int) -> dict[str, str]:
    """What all parts of a sweep share; paths are not in it, since every machine has its own."""
    packages = {package: version(package) for package in PACKAGES}
    ours = {"rules": rules_sha256(), "code": own_sha256(), "python": platform.python_version()}
    return {"task": task, "last stage": str(last_stage), **ours, **packages}


def _read(path: Path) -> Part:
    try:
        document: dict[str, Any] = json.loads(path.read_text("utf-8"))
        results = tuple(map(FamilyResult.from_json, document["families"]))
        made_from = document["made_from"]
        return Part(document["shard"], made_from["task"], made_from, results)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is no part of a sweep: {error!r}. `sweep --shard K/N` writes one, and prints its path."
        ) from error
