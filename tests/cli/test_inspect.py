"""`inspect`: roles, places, reasons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from qeff_codegen.upstream.find import find_model


def test_every_role_is_shown_with_place_and_reason(run: Callable[..., Result], tmp_path: Path) -> None:
    outcome = run("inspect", "blueprint")
    assert outcome.exit_code == 0
    title, header, *rows = outcome.stdout.splitlines()
    assert title == "blueprint: recognised"
    assert header.split() == ["role", "name", "where", "because"]
    upstream = find_model("blueprint")
    lines = upstream.source.splitlines()
    line = next(number for number, text in enumerate(lines, 1) if text.startswith("class BlueprintAttention("))
    (attention,) = (row for row in rows if row.startswith("  attention  "))
    assert f"{upstream.display_path}:{line}  its forward calls `cache.update(" in attention
    (causal_lm,) = (row for row in rows if row.startswith("  causal LM  "))
    assert causal_lm.endswith("the one class that inherits GenerationMixin and returns logits"), "no table names it"
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_does_not_parse_is_refused_with_its_line(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "modeling_toy.py").write_text("x = 1\nclass Toy(:\n")
    outcome = run("inspect", "toy", "--source", "modeling_toy.py")
    assert outcome.exit_code == 3
    assert outcome.stdout == ""
    assert outcome.stderr == (
        "Error: refused by parse: the upstream file is not valid Python: invalid syntax\n"
        "  at       modeling_toy.py:2\n"
        "  source   class Toy(:\n"
        "  next     check that the path names a modeling_*.py file for Python 3\n"
    )
