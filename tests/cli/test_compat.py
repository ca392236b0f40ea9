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
from qeff_codegen.coverage.family_result import FAILED, FamilyResult
from qeff_codegen.coverage.known import Known, known, refused_at
from qeff_codegen.coverage.swept import TEXT, Swept
from qeff_codegen.releases.table import load_table
from tests.releases.conftest import TABLE

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def small_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "load_table", lambda: TABLE)
    monkeypatch.setattr(compat, "pinned_version", lambda: "5.1.3")
    # What docs/ says is about other families.
    monkeypatch.setattr(compat, "refused_at", lambda family, release: None)


def test_in_the_pinned_release(run: Callable[..., Result]) -> None:
    outcome = run("compat", "elm")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout == (
        "elm: ElmForCausalLM\n"
        "  first   4.40.2, where the table begins\n"
        "  last    still there in 5.10.4\n"
        "  pinned  5.1.3: it is there\n"
        "  tool    5.1.3: not known here; `python -m qeff_codegen inspect` tries it\n"
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
        "  tool    5.10.4: not known here; `python -m qeff_codegen inspect` tries it\n"
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
        "  tool    5.0.0: not known here; `python -m qeff_codegen inspect` tries it\n"
        "  next    python -m qeff_codegen old-oak --transformers 5.0.0\n"
        "  note    what is generated from 5.0.0 needs 5.0.0 to run\n"
        "  note    OakForCausalLM came back in 5.1.3 under another name: `oak`\n"
    )


def test_as_json(run: Callable[..., Result]) -> None:
    outcome = run("compat", "old-oak", "--format", "json")
    assert outcome.exit_code == 0
    document = json.loads(outcome.stdout)
    assert (document["last"], document["renamed_to"], document["state"]) == ("5.0.0", ["oak"], "gone")


def swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, **more: str) -> None:
    """What the last sweep of the pinned release found of the family elm."""
    result = FamilyResult("elm", state, **more)  # type: ignore[arg-type]
    path = tmp_path / "coverage.json"
    path.write_text(json.dumps({TEXT: Swept("5.1.3", 3, (result,)).as_json()}))
    monkeypatch.setattr(compat, "known", lambda family: known(family, path))


def test_what_the_tool_makes_of_it_is_said(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept(tmp_path, monkeypatch, "supported")
    assert "\n  tool    5.1.3: supported: Stages 1 to 3 were equal" in run("compat", "elm").stdout
    swept(tmp_path, monkeypatch, "refused", reason="two caches", rule="anatomy", place="modeling_elm.py:7")
    assert "\n  tool    5.1.3: refused: two caches (anatomy, modeling_elm.py:7)\n" in run("compat", "elm").stdout
    assert run("compat", "elm").stdout.endswith("\n  next    python -m qeff_codegen inspect elm --all\n")
    assert json.loads(run("compat", "elm", "--format", "json").stdout)["tool"] == {
        "state": "refused",
        "release": "5.1.3",
        "reason": "two caches (anatomy, modeling_elm.py:7)",
    }
    monkeypatch.setattr(compat, "families_in", lambda folder: ["elm"])
    assert "generated; `validate` says whether it equals upstream" in run("compat", "elm").stdout, "since the sweep"


def test_other_releases_are_answered_from_the_survey(tmp_path: Path) -> None:
    refused = {"family": "elm", "rule": "anatomy", "reason": "two caches", "place": "modeling_elm.py:7"}
    path = tmp_path / "releases.json"
    path.write_text(json.dumps({"releases": [{"release": "5.0.0", "refused": [refused]}]}))
    assert refused_at("elm", "5.0.0", path) == "two caches (anatomy, modeling_elm.py:7)"
    assert refused_at("oak", "5.0.0", path) == ""
    assert refused_at("oak", "5.1.3", path) is None
    assert refused_at("oak", "5.0.0", tmp_path / "none.json") is None


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


def test_of_an_image_text_model_it_says_what_this_tool_makes_of_it(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compat, "load_table", load_table)
    supported, refused, other = (run("compat", name) for name in ("llava", "blip", "clip"))
    assert [outcome.exit_code for outcome in (supported, refused, other)] == [3, 3, 3]
    assert "it is an image-text model" in supported.stderr and ": supported: Stages 1 to 3" in supported.stderr
    assert "inspect llava` says more" in supported.stderr
    assert "it is an image-text model" in refused.stderr and ": refused: `Blip" in refused.stderr
    assert "image-text" not in other.stderr
    failed = Known("5.24.0", FamilyResult("llava", FAILED, reason="not done after 1 s"))
    monkeypatch.setattr(compat, "known", lambda family: failed)
    outcome = run("compat", "llava")
    assert "5.24.0: not known here" in outcome.stderr and "refused: not done" not in outcome.stderr
