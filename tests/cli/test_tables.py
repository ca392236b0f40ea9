"""Tables on a terminal and in a pipe."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from qeff_codegen.cli.tables import plain_table, show_table
from tests.cli.terminal import STYLE, in_terminal

ROOT = Path(__file__).resolve().parents[2]
LONG = "word " * 60


def test_plain_columns_are_aligned_and_nothing_trails() -> None:
    text = plain_table("toy: rules", ("rule", "places", "why"), [("a", "1", "short"), ("longer", "12", "")])
    assert text == "toy: rules\n  rule    places  why\n  a       1       short\n  longer  12"


def test_plain_text_is_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    show_table("t", ("why",), [(LONG,)])
    assert LONG.strip() in capsys.readouterr().out


def test_a_table_may_be_empty() -> None:
    assert plain_table("t", ("a", "b"), []) == "t\n  a  b"


def test_a_terminal_gets_a_table_that_fits_and_keeps_every_word() -> None:
    program = f"from qeff_codegen.cli.tables import show_table; show_table('t', ('why',), [({LONG!r} + '[x]',)])"
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "60", "TERM": "xterm"}
    subprocess.run([sys.executable, "-c", program], stdout=theirs, env=environment, check=True)
    os.close(theirs)
    text = os.read(ours, 65536).decode()
    os.close(ours)
    assert text.count("word") == 60
    assert "[x]" in text, "a cell's brackets are text, not markup"
    assert max(len(line) for line in STYLE.sub("", text).splitlines()) <= 60


@pytest.mark.parametrize("width", [50, 80, 130])
def test_names_and_places_stay_whole(width: int) -> None:
    rows = [("attention function", "BlueprintRotaryEmbedding", "124"), ("model", "BlueprintModel", "269")]
    place = "qeff_codegen/examples/blueprint/modeling_blueprint.py"
    program = (
        "from qeff_codegen.cli.tables import show_table\n"
        f"show_table('blueprint: recognised in {place}', ('role', 'name', 'line'), {rows})\n"
        f"show_table('rules', ('rule', 'places', 'why'), [('attention_over_key_blocks', '1', {LONG!r})])\n"
    )
    shown = STYLE.sub("", in_terminal(width, "-c", program))
    assert shown.startswith(f"blueprint: recognised in {place}\n"), "a path that can be opened"
    table = shown.splitlines()[1:]
    assert max(map(len, table)) <= width
    for name in ("BlueprintRotaryEmbedding", "BlueprintModel", "attention_over_key_blocks"):
        assert any(name in line.split() for line in table)
    assert shown.count("word") == 60 and "…" not in shown
