"""A pytest plugin for QEfficient's interpreter: which modeling files each test runs, and how the test ends.

It stands alone: nothing of this project can be imported there. One JSON line a test goes to the file that
`EXECUTED_FILES_TO` names; which files are run is found out only where `EXECUTED_FILES` is set, as that takes time.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any

import pytest

FOLDER = os.sep.join(("QEfficient", "transformers", "models")) + os.sep

_names: dict[CodeType, str | None] = {}
_executed: set[str] = set()
_outcomes: dict[str, str] = {}
_reasons: list[str] = []


def _modeling_file(path: str) -> str | None:
    """The path of a modeling file below the folder of models; None for other files."""
    _, found, name = path.partition(FOLDER)
    return name if found and os.path.basename(name).startswith("modeling_") and os.sep in name else None


def _call(frame: FrameType, event: str, argument: Any) -> None:
    code = frame.f_code
    if code not in _names:
        _names[code] = _modeling_file(code.co_filename)
    name = _names[code]
    if name is not None:
        _executed.add(name)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    for kept in (_executed, _outcomes, _reasons):
        kept.clear()
    started = time.monotonic()
    if os.environ.get("EXECUTED_FILES"):
        sys.settrace(_call)
    yield
    sys.settrace(None)
    found = {
        "test": item.nodeid,
        "files": sorted(_executed),
        "outcome": next((word for word in ("failed", "skipped") if word in _outcomes.values()), "passed"),
        "reason": _reasons[0] if _reasons else "",
        "seconds": round(time.monotonic() - started, 2),
    }
    with open(os.environ["EXECUTED_FILES_TO"], "a", encoding="utf-8") as file:
        print(json.dumps(found), file=file)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _outcomes[report.when or ""] = report.outcome
    if report.failed:
        _reasons.append(str(report.longrepr).strip().splitlines()[-1])
