"""A sweep as it is shown: plain lines in a pipe, colours and a bar on a terminal."""

from __future__ import annotations

import io
import re

from rich.console import Console

from qeff_codegen.coverage.family_result import FAILED, MISMATCH, REFUSED, SUPPORTED, FamilyResult
from qeff_codegen.sweep.progress import reporting, result_line
from qeff_codegen.sweep.workers import Finished, Started

REASON = "`x[/bold]` must be [red]one[/red], found 0"
REFUSED_LINE = f"refused    clip                    0.1 s  anatomy: {REASON} (models/clip.py:7)"
SUPPORTED_LINE = "supported  plum                  123.5 s"
CLIP = FamilyResult("clip", REFUSED, seconds=0.1, reason=REASON, rule="anatomy", place="models/clip.py:7")
PLUM = FamilyResult("plum", SUPPORTED, seconds=123.45)


def shown(console: Console, output: io.StringIO) -> str:
    with reporting(console, 2) as reporter:
        for event in (Started("plum"), Started("clip"), Finished(CLIP), Finished(PLUM)):
            reporter.show(event)
    return output.getvalue()


def test_one_line_says_it_all() -> None:
    assert result_line(PLUM) == SUPPORTED_LINE
    assert result_line(CLIP) == REFUSED_LINE
    failed = FamilyResult("a_family_with_a_long_name", FAILED, seconds=3, reason="not done")
    assert result_line(failed) == "failed     a_family_with_a_long_name    3.0 s  not done"


def test_in_a_pipe_there_are_lines_and_nothing_else() -> None:
    output = io.StringIO()
    narrow = Console(file=output, width=40)
    assert shown(narrow, output) == f"{REFUSED_LINE}\n{SUPPORTED_LINE}\n", "not wrapped, and no markup is read"


def test_on_a_terminal_lines_have_colours_above_a_bar_that_names_what_runs() -> None:
    output = io.StringIO()
    terminal = Console(file=output, width=120, force_terminal=True, color_system="standard")
    text = shown(terminal, output)
    assert f"\x1b[33m{REFUSED_LINE[:40]}" in text
    assert f"\x1b[32m{SUPPORTED_LINE}" in text
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert REFUSED_LINE in plain.replace("\n", "")
    assert text.endswith("\x1b[2K"), "the bar is gone at the end"


def test_defects_stand_out() -> None:
    output = io.StringIO()
    terminal = Console(file=output, width=120, force_terminal=True, color_system="standard")
    with reporting(terminal, 2) as reporter:
        for state in (MISMATCH, FAILED):
            reporter.show(Finished(FamilyResult(f"fig-{state}", state)))
    for state in (MISMATCH, FAILED):
        assert re.search(rf"\x1b\[1;31m{state} +fig-{state}", output.getvalue())
