"""`review` as its users meet it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from qeff_codegen.generate import one_model
from qeff_codegen.generated_model import GeneratedModel


def test_a_page_is_written_and_its_path_printed(run: Callable[..., Result], tmp_path: Path) -> None:
    outcome = run("review", "blueprint")
    assert (outcome.exit_code, outcome.stdout) == (0, "written    build/review/blueprint.html\n")
    text = (tmp_path / "build" / "review" / "blueprint.html").read_text("utf-8")
    assert text.startswith("<!DOCTYPE html>") and text.endswith("</html>\n")
    assert "rules.md" not in text, "no catalogue here"


def test_the_page_links_to_the_catalogue_from_where_it_is(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "rules.md").touch()
    assert run("review", "blueprint", "--output", "pages/new/blueprint.html").exit_code == 0
    assert 'href="../../docs/rules.md#boolean_mask"' in (tmp_path / "pages/new/blueprint.html").read_text("utf-8")


@pytest.mark.parametrize(("form", "start"), [("markdown", "## `blueprint`\n"), ("terminal", "--- qeff_codegen/")])
def test_other_formats_go_to_standard_output(
    run: Callable[..., Result], tmp_path: Path, form: str, start: str
) -> None:
    outcome = run("review", "blueprint", "--format", form)
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith(start) and "\x1b" not in outcome.stdout
    assert list(tmp_path.iterdir()) == []
    assert run("review", "blueprint", "--format", form, "--output", "body").stdout == "written    body\n"
    assert (tmp_path / "body").read_text("utf-8") == outcome.stdout


def test_lines_of_the_diff_are_never_wrapped(run: Callable[..., Result]) -> None:
    lines = run("review", "blueprint", "--format", "terminal").stdout.splitlines()
    assert max(map(len, lines)) > 100


def test_a_line_without_an_owner_is_an_error(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate = one_model.generate_model

    def forgetful(upstream: object) -> GeneratedModel:
        model = generate(upstream)  # type: ignore[arg-type]
        edits = tuple(edit for edit in model.edits if edit.rule != "return_cache")
        return GeneratedModel(**{**vars(model), "edits": edits})

    monkeypatch.setattr(one_model, "generate_model", forgetful)
    outcome = run("review", "blueprint")
    assert outcome.exit_code == 1
    assert outcome.stderr.startswith("Error: no rule owns a line that ")
    assert "at       qeff_codegen/examples/blueprint/modeling_blueprint.py:" in outcome.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_not_there_is_misuse(run: Callable[..., Result]) -> None:
    assert run("review", "lama").exit_code == 2


def test_a_refused_model_has_no_review(run: Callable[..., Result]) -> None:
    assert run("review", "clip").exit_code == 3


def test_a_file_that_cannot_be_written_is_misuse(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    outcome = run("review", "blueprint", "--output", "taken/page.html")
    assert outcome.exit_code == 2
    assert "cannot be written" in outcome.stderr and "--output" in outcome.stderr
