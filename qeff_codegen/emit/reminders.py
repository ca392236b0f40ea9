"""Upstream's reminders of work to be done, which not every place that generated code goes to has room for."""

from __future__ import annotations

import re
from collections.abc import Iterable

_REMINDER = re.compile(r"\s*#\s*(?:TODO|FIXME|HACK|XXX)\b")


def without_reminders(lines: Iterable[str]) -> list[str]:
    """`lines` without comments that begin with TODO or the like; the comment lines that go on with one go with it."""
    kept: list[str] = []
    dropping = False
    for line in lines:
        dropping = bool(_REMINDER.match(line)) or (dropping and line.lstrip().startswith("#"))
        if not dropping:
            kept.append(line)
    return kept
