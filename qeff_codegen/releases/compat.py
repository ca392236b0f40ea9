"""Which transformers release a family needs, against the pinned one, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from packaging.version import Version

from qeff_codegen.errors import UsageError
from qeff_codegen.releases.history import History, history
from qeff_codegen.releases.table import Release
from qeff_codegen.releases.versions import minor

IN_PINNED = "in pinned"
NEWER = "newer"
GONE = "gone"
GENERATE = "python -m qeff_codegen"


@dataclass(frozen=True)
class Compat:
    """The answer for one family.

    Attributes:
        history: the releases that have it.
        pinned: the pinned release.
        state: whether that has it (`in pinned`), has it not yet (`newer`) or no more (`gone`).
        next: commands, any of which leads to its generated code.
        notes: what to know before choosing one, in sentences.
    """

    history: History
    pinned: str
    state: str
    next: tuple[str, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The answer as a plain dictionary."""
        past = self.history
        return {
            "family": past.family,
            "causal_lm": past.causal_lm,
            "first": past.releases[0],
            "since_table_begins": past.since_table_begins,
            "last": past.last,
            "gone_in": past.gone_in,
            "renamed_to": list(past.renamed_to),
            "served_by": list(past.served_by),
            "pinned": self.pinned,
            "state": self.state,
            "next": list(self.next),
            "notes": list(self.notes),
        }


def compat(name: str, table: Sequence[Release], pinned: str) -> Compat:
    """The answer for the family that `name` spells.

    Raises:
        UsageError: no release has such a model type, or the table does not know the pinned release.
        Refusal: the model type is there, and no release has a causal LM of it.
    """
    at_pin = _at_pin(table, pinned)
    past = history(name, table)
    if past.family in at_pin.causal_lm:
        notes = [f"a bump to {past.gone_in} or later loses {past.family}"] if past.gone_in else []
        return Compat(past, pinned, IN_PINNED, (f"{GENERATE} {past.family}",), (*notes, *_heirs(past)))
    newer = [version for version in past.releases if Version(version) > Version(at_pin.version)]
    version = newer[0] if newer else past.releases[-1]
    generate = f"{GENERATE} {past.family} --transformers {version}"
    notes = [f"what is generated from {version} needs {version} to run"]
    if past.family in at_pin.without:
        notes.append(f"transformers {pinned} has {past.family}, without a causal LM")
    if not newer:
        return Compat(past, pinned, GONE, (generate,), (*notes, *_heirs(past)))
    namesakes = [other for other, its_class in sorted(at_pin.causal_lm.items()) if its_class == past.causal_lm]
    if namesakes:
        notes.append(f"transformers {pinned} has {past.causal_lm} already, as {_names(namesakes)}")
    return Compat(past, pinned, NEWER, (f"{GENERATE} bump {version}", generate), tuple(notes))


def _at_pin(table: Sequence[Release], pinned: str) -> Release:
    """The table's release of the pinned one's minor version."""
    for release in table:
        if minor(release.version) == minor(pinned):
            return release
    raise UsageError(
        f"The table of families, {table[0].version} to {table[-1].version}, lacks the pinned transformers {pinned}.\n"
        "Collect it again: python -m qeff_codegen.releases.collect"
    )


def _heirs(past: History) -> list[str]:
    """Where the class went of a family that is gone."""
    if past.renamed_to:
        return [f"{past.causal_lm} came back in {past.gone_in} under another name: {_names(past.renamed_to)}"]
    if past.served_by:
        return [f"{past.causal_lm} is still there in {past.gone_in}, as {_names(past.served_by)}"]
    return []


def _names(families: Sequence[str]) -> str:
    return " and ".join(f"`{family}`" for family in families)
