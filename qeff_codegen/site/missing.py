"""What is missing: refused families by the idea that would let them through, the most wanted first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from qeff_codegen.coverage.family_result import REFUSED
from qeff_codegen.site.family import Family

GAP = "…"
# What is a model's own in a message: its code, names of classes, paths of attributes, numbers.
_NAMES = re.compile(
    r"`[^`]*`|\bself(?:\.\w+)+(?:\[\w+\])?|\b[A-Za-z]*[a-z0-9][A-Z]\w*|\b[A-Z]{2,}[A-Z0-9]*[a-z]\w*|\b\d+\b"
)
_LISTED = re.compile(rf"{GAP}(?:,? (?:and )?{GAP})+")


@dataclass(frozen=True)
class Idea:
    """One kind of construct that is refused.

    Attributes:
        rule: the rule or check that refused.
        message: what it says, without the names of any model.
        families: whom it refused, by name.
    """

    rule: str
    message: str
    families: tuple[Family, ...]


def ideas(families: Iterable[Family]) -> tuple[Idea, ...]:
    """Refused families in groups, the largest first; groups of one size by rule and message."""
    groups: dict[tuple[str, str], list[Family]] = {}
    for family in families:
        if family.state == REFUSED and family.swept is not None:
            groups.setdefault((family.swept.rule, without_names(family.swept.reason)), []).append(family)
    found = [
        Idea(rule, message, tuple(sorted(members, key=lambda family: family.name)))
        for (rule, message), members in groups.items()
    ]
    return tuple(sorted(found, key=lambda idea: (-len(idea.families), idea.rule, idea.message)))


def without_names(reason: str) -> str:
    """A refusal's message as it would be of any model."""
    return _LISTED.sub(GAP, _NAMES.sub(GAP, reason)).removesuffix(f": {GAP}")
