"""The two ways a command ends for its user: misuse (exit 2) and refusal (exit 3).

Exit codes, in one place: 0 done, 1 differences or mismatch, 2 usage, 3 refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

EXIT_DONE = 0
EXIT_DIFFERENCES = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3
# What shells give for a command that Ctrl-C ended.
EXIT_STOPPED = 130


class QEffCodegenError(Exception):
    """Base of every error whose message is meant for the user, shown without a traceback."""

    exit_code = EXIT_USAGE


class UsageError(QEffCodegenError):
    """The command cannot start: a name, path or option is wrong. The message says what to do next."""

    exit_code = EXIT_USAGE


class DifferencesError(QEffCodegenError):
    """Something on disk differs from what it should be, and was left untouched."""

    exit_code = EXIT_DIFFERENCES


@dataclass(frozen=True)
class Location:
    """A place in upstream source: `path` as the header names it, 1-based `line`, and the line's text."""

    path: str
    line: int
    excerpt: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class Refusal(QEffCodegenError):
    """The model cannot be generated correctly today; nothing is written for it.

    Args:
        what: the promise or rule that does not hold, in one sentence.
        location: where in upstream source it was noticed, if a place can be named.
        rule: the id of the rule that refused (`anatomy` when a role was not recognised).
        expected: the construct that would have been understood.
        next_step: what the reader can do about it.
    """

    exit_code = EXIT_REFUSED

    def __init__(
        self, what: str, *, rule: str, location: Location | None = None, expected: str = "", next_step: str = ""
    ) -> None:
        self.what = what
        self.location = location
        self.rule = rule
        self.expected = expected
        self.next_step = next_step
        super().__init__(str(self))

    def __reduce__(self) -> tuple[Any, ...]:
        """What a process sends to another so that the same refusal arrives there."""
        keywords = {name: getattr(self, name) for name in ("rule", "location", "expected", "next_step")}
        return partial(Refusal, self.what, **keywords), ()

    def __str__(self) -> str:
        lines = [f"refused by {self.rule}: {self.what}"]
        if self.location is not None:
            lines.append(f"  at       {self.location}")
            if self.location.excerpt:
                lines.append(f"  source   {self.location.excerpt.strip()}")
        if self.expected:
            lines.append(f"  expected {self.expected}")
        if self.next_step:
            lines.append(f"  next     {self.next_step}")
        return "\n".join(lines)
