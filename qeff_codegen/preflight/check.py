"""What a check is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from qeff_codegen.preflight.candidate import GraphCandidate

Looked = TypeVar("Looked", bound=GraphCandidate, contravariant=True)


@dataclass(frozen=True)
class Finding:
    """Something a check has noticed.

    Attributes:
        what: what is wrong or worth knowing, and where.
        next_step: what to do about it; empty for a remark.
        is_problem: whether the graph fails for it. A remark changes nothing.
    """

    what: str
    next_step: str = ""
    is_problem: bool = True

    def __str__(self) -> str:
        return f"{self.what}\n  next     {self.next_step}" if self.next_step else self.what


@dataclass(frozen=True)
class Check(Generic[Looked]):
    """One promise about a graph.

    Attributes:
        name: short, as messages and documents call it.
        promise: what holds where it finds no problem, in one sentence.
        findings: looks at a candidate.
    """

    name: str
    promise: str
    findings: Callable[[Looked], Iterable[Finding]]
