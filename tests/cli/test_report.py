"""`report` as its users call it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from qeff_codegen.cli import charts
from qeff_codegen.coverage.page import as_json
from qeff_codegen.coverage.swept import TEXT, Swept
from qeff_codegen.emit.write import write_models
from qeff_codegen.engine.rules_hash import rules_sha256
from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.site import build
from qeff_codegen.upstream.find import find_model
from tests.site.conftest import SURVEYED, SWEPT, VERSION


@pytest.fixture
def checkout(run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one generated model and what a sweep and a survey left; nothing here draws charts."""
    monkeypatch.setattr(charts, "find_spec", lambda name: object())
    write_models(
        [generate_model(find_model("blueprint"))], Path("generated"), force=False, rules_sha256=rules_sha256()
    )
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "coverage.json").write_text(as_json({TEXT: Swept(VERSION, 3, SWEPT)}))
    (docs / "releases.json").write_text(json.dumps({"pinned": VERSION, "releases": SURVEYED}))
    return tmp_path


def test_the_site_is_written(run: Callable[..., Result], checkout: Path) -> None:
    outcome = run("report", "--jobs", "1")
    assert (outcome.exit_code, outcome.stderr.strip()) == (0, "")
    first, last = outcome.stdout.splitlines()
    assert first == "making     the site in build/site: every model is generated anew"
    files = [path for path in Path("build/site").rglob("*") if path.is_file()]
    assert last == f"written    build/site/index.html and {len(files) - 1} files beside it"
    page = Path("build/site/families/blueprint.html").read_text()
    assert ">not swept<" in page and "python -m qeff_codegen validate blueprint" in page
    assert "is not what the rules make now" not in page


def test_what_is_not_current_is_said(run: Callable[..., Result], checkout: Path) -> None:
    path = Path("generated/blueprint/modeling_blueprint.py")
    path.write_text(path.read_text() + "# mine\n")
    assert run("report", "--output", "site").exit_code == 0
    assert "is not what the rules make now" in Path("site/families/blueprint.html").read_text()


def test_what_is_refused_now_is_no_site(
    run: Callable[..., Result], checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "generate_models", lambda *_: iter([Refusal("no loop", rule="anatomy")]))
    outcome = run("report")
    assert outcome.exit_code == 1
    assert "  blueprint: refused by anatomy: no loop\n`python -m qeff_codegen check` says" in outcome.stderr
    assert not Path("build").exists()


def test_without_charts_it_says_what_to_install(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "find_spec", lambda name: None)
    outcome = run("report")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "pip install 'qeff_codegen[report]'" in outcome.stderr


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda: Path("docs/coverage.json").unlink(), "docs/coverage.json cannot be read"),
        (lambda: Path("docs/releases.json").write_text("[]"), "docs/releases.json cannot be read"),
        (lambda: Path("docs/releases.json").write_text("{}"), "is damaged or old: KeyError('releases')"),
        (lambda: Path("generated/manifest.json").unlink(), "generated holds no generated models"),
    ],
)
def test_what_is_missing_is_named(
    run: Callable[..., Result], checkout: Path, damage: Callable[[], object], message: str
) -> None:
    damage()
    outcome = run("report")
    assert outcome.exit_code == 2 and message in outcome.stderr
    assert not Path("build").exists()
