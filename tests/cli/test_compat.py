"""`compat` as its users call it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from qeff_codegen.cli import compat
from tests.releases.conftest import TABLE

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def small_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "load_table", lambda: TABLE)
    monkeypatch.setattr(compat, "pinned_version", lambda: "5.1.3")


def test_in_the_pinned_release(run: Callable[..., Result]) -> None:
    outcome = run("compat", "elm")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout == (
        "elm: ElmForCausalLM\n"
        "  first   4.40.2, where the table begins\n"
        "  last    still there in 5.10.4\n"
        "  pinned  5.1.3: it is there\n"
        "  next    python -m qeff_codegen elm\n"
    )


def test_newer(run: Callable[..., Result]) -> None:
    outcome = run("compat", "yew-text")
    assert outcome.exit_code == 0
    assert outcome.stdout == (
        "yew_text: YewForCausalLM\n"
        "  first   5.10.4\n"
        "  last    still there in 5.10.4\n"
        "  pinned  5.1.3: it is not there yet\n"
        "  next    python -m qeff_codegen bump 5.10.4\n"
        "  or      python -m qeff_codegen yew_text --transformers 5.10.4\n"
        "  note    what is generated from 5.10.4 needs 5.10.4 to run\n"
    )


def test_gone(run: Callable[..., Result]) -> None:
    outcome = run("compat", "old-oak")
    assert outcome.exit_code == 0
    assert outcome.stdout == (
        "old-oak: OakForCausalLM\n"
        "  first   5.0.0\n"
        "  last    5.0.0; gone in 5.1.3\n"
        "  pinned  5.1.3: it is gone\n"
        "  next    python -m qeff_codegen old-oak --transformers 5.0.0\n"
        "  note    what is generated from 5.0.0 needs 5.0.0 to run\n"
        "  note    OakForCausalLM came back in 5.1.3 under another name: `oak`\n"
    )


def test_as_json(run: Callable[..., Result]) -> None:
    outcome = run("compat", "old-oak", "--format", "json")
    assert outcome.exit_code == 0
    document = json.loads(outcome.stdout)
    assert (document["last"], document["renamed_to"], document["state"]) == ("5.0.0", ["oak"], "gone")


@pytest.mark.parametrize(("name", "code"), [("olm", 2), ("yew", 3)])
def test_names_without_an_answer(run: Callable[..., Result], name: str, code: int) -> None:
    outcome = run("compat", name)
    assert (outcome.exit_code, outcome.stdout) == (code, "")
    assert outcome.stderr.startswith("Error: ")


def test_neither_torch_nor_transformers_nor_libcst_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from qeff_codegen.cli.main import main\n"
        "main(['compat', 'llama'], standalone_mode=False)\n"
        "print(sorted({'black', 'libcst', 'rich', 'torch', 'transformers'} & set(sys.modules)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    outcome = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment
    )
    assert outcome.stderr == ""
    assert outcome.stdout.startswith("llama: LlamaForCausalLM\n") and outcome.stdout.endswith("\n[]\n")
