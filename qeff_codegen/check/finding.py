"""What `check` finds: a cause, the place, and what would mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Cause(StrEnum):
    """Why something is not as regenerating would leave it. Several can hold for one model."""

    UPSTREAM = "upstream changed"
    RULES = "rules changed"
    FORMATTER = "formatter changed"
    EDITED = "edited by hand"
    MISSING = "missing"
    ORPHAN = "orphan"


class Effect(StrEnum):
    """What generating the model again, in memory, gave."""

    DIFFERENT = "bytes differ"
    EQUAL = "manifest is behind, bytes are equal"
    REFUSED = "refused"
    UNKNOWN = "not regenerated"


class Remedy(StrEnum):
    """What mends it."""

    GENERATE = "generate"
    OVERWRITE = "generate --force"
    DELETE = "delete"


@dataclass(frozen=True)
class Finding:
    """One thing that is not as regenerating would leave it.

    Attributes:
        model: the model it is about; None when it is about the folder.
        path: the file or folder to look at.
        message: one sentence, of more lines where a refusal is quoted.
        line: 1-based, where a line of `path` can be named.
        effect: what generating again gave; None when nothing had to be generated to know.
        diff: lines of a unified diff from what is on disk to what generating gives.
        alike: of a refusal, what it has in common with others: the rule, and what that expects.
    """

    cause: Cause
    model: str | None
    path: Path
    message: str
    remedy: Remedy
    line: int | None = None
    effect: Effect | None = None
    diff: tuple[str, ...] = ()
    alike: str = ""


@dataclass(frozen=True)
class Report:
    """The answer.

    Attributes:
        folder: the generated folder.
        checked: the models that were asked for, or all.
        findings: in the order of models; empty when all is current.
        not_compared: why the upstream file of a model was not compared, by model.
        notes: what is no difference, and still worth a line.
        mend: the command that mends it all; empty when there is nothing that a command could mend.
    """

    folder: Path
    checked: tuple[str, ...]
    findings: tuple[Finding, ...]
    not_compared: dict[str, str]
    notes: tuple[str, ...]
    mend: str

    @property
    def is_refused(self) -> bool:
        """Whether a model cannot be generated any more, so that no command mends it."""
        return any(item.effect is Effect.REFUSED for item in self.findings)
