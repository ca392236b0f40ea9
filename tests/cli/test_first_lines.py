"""A command says what it is about to do before it does it, and how far it is on a terminal alone."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import click
import pytest
from click.testing import Result

from tests.imports import ROOT


class Begun(click.ClickException):
    """The work that a test does not wait for."""


def begin(*_: Any, **__: Any) -> Any:
    """Stands in the place of the work."""
    raise Begun("WORK")


@pytest.mark.parametrize(
    ("arguments", "work", "line"),
    [
        (("check",), "qeff_codegen.cli.check.check_folder", "checking   everything in generated"),
        (("check", "gpt2"), "qeff_codegen.cli.check.check_folder", "checking   gpt2 in generated"),
        (("generate", "--all"), "qeff_codegen.cli.generate.find_model", "generating 1 models of generated, 2 at a "),
        (("bump", "5.25.0"), "qeff_codegen.bump.compare.compare", "reading    transformers 5.25.0, which is "),
        (("compile", "gpt2"), "qeff_codegen.cli.compile.load_image_model", "loading    gpt2"),
        (("infer", "smollm2", "--prompt", "x"), "qeff_codegen.cli.infer.load_image_model", "loading    smollm2"),
        (("validate", "gpt2"), "qeff_codegen.cli.validate.run_packages", "loading    PyTorch, transformers and ONNX "),
    ],
)
def test_the_first_line_comes_before_the_work(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], work: str, line: str
) -> None:
    assert run("gpt2").exit_code == 0
    monkeypatch.setattr(work, begin)
    first, second = run(*arguments).output.splitlines()
    assert first.startswith(line)
    assert second == "Error: WORK"


COUNT = """
from qeff_codegen.cli.progress import counted
print(sum(counted(iter(range(5)), 5, "Counting")))
"""


def test_a_bar_is_drawn_on_a_terminal_alone() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", "TERM": "xterm"}
    ours, theirs = pty.openpty()
    drawn = subprocess.run(
        [sys.executable, "-c", COUNT], stdout=subprocess.PIPE, stderr=theirs, env=environment, check=True, text=True
    )
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert drawn.stdout == "10\n"
    assert "Counting" in shown
    assert "100%" in shown
    piped = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, env=environment, check=True, text=True)
    assert (piped.stdout, piped.stderr) == ("10\n", "")
