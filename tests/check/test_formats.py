"""What the three output formats print."""

from __future__ import annotations

import json
from pathlib import Path

from qeff_codegen.check.finding import Cause, Effect, Finding, Remedy, Report
from qeff_codegen.check.formats import as_github, as_json, as_text
from tests.check.conftest import GPT2, Run, edit


def finding(model: str | None = "plum", **changes: object) -> Finding:
    fields: dict[str, object] = {
        "cause": Cause.EDITED,
        "model": model,
        "path": Path(f"generated/{model}/modeling_{model}.py"),
        "message": "is not what was written there",
        "remedy": Remedy.OVERWRITE,
        **changes,
    }
    return Finding(**fields)  # type: ignore[arg-type]


def report(*findings: Finding, notes: tuple[str, ...] = (), mend: str = "do it") -> Report:
    names = tuple(dict.fromkeys(item.model or "plum" for item in findings))
    return Report(Path("generated"), names, findings, {}, notes, mend)


def test_findings_that_differ_in_the_model_alone_are_one_line() -> None:
    names = ("apple", "fig", "lime", "pear", "plum")
    lines = as_text(report(*(finding(name, effect=Effect.EQUAL) for name in names))).splitlines()
    assert lines[0] == (
        "apple, fig, lime and 2 more: edited by hand (manifest is behind, bytes are equal): "
        "generated/NAME/modeling_NAME.py is not what was written there"
    )
    assert lines[1] == "not current   5 edited by hand; 5 models checked"


def test_findings_with_lines_of_their_own_are_not_put_together() -> None:
    text = as_text(report(finding("fig", line=3), finding("plum", line=3)))
    assert text.startswith(
        "fig: edited by hand: generated/fig/modeling_fig.py:3 is not what was written there\nplum: "
    )


def test_annotations_are_escaped_as_github_asks() -> None:
    item = finding(
        path=Path("generated/a,b:c%d.py"), message="100% of\r\nit: a, b", line=7, cause=Cause.UPSTREAM, model=None
    )
    first, note, *closing = as_github(report(item, notes=("5%\nmore",))).splitlines()
    assert first == (
        "::error file=generated/a%2Cb%3Ac%25d.py,line=7,title=upstream changed::"
        "upstream changed: generated/a,b:c%25d.py:7 100%25 of%0D%0Ait: a, b"
    )
    assert note == "::notice title=check::5%25%0Amore"
    assert closing[-1] == "mend          do it"


def test_an_annotation_holds_the_start_of_the_diff() -> None:
    diff = tuple(f"+{number}" for number in range(100))
    first = as_github(report(finding(diff=diff))).splitlines()[0]
    assert first.endswith("is not what was written there%0A" + "%0A".join(diff[:20]))


def test_annotations_name_files_from_the_repositorys_root(folder: Path, run: Run) -> None:
    edit(folder / GPT2, "class QEffGPT2Model(GPT2Model):", "class QEffGPT2Model(GPT2Model):  # mine")
    outcome = run("check", "--output-format", "github", "--generated", str(folder.absolute()))
    assert outcome.exit_code == 1
    assert outcome.stdout.startswith(f"::error file=generated/{GPT2},line=")
    assert outcome.stdout.count("\n::") == 0


def test_json_says_all(folder: Path, run: Run) -> None:
    edit(folder / GPT2, "class QEffGPT2Model(GPT2Model):", "class QEffGPT2Model(GPT2Model):  # mine")
    outcome = run("check", "--output-format", "json")
    assert outcome.exit_code == 1
    document = json.loads(outcome.stdout)
    (item,) = document.pop("findings")
    assert document == {
        "format": 1,
        "generated": "generated",
        "current": False,
        "checked": ["blueprint", "gpt2"],
        "not_compared": {},
        "notes": [],
        "mend": "python -m qeff_codegen generate gpt2 --force",
    }
    assert item.pop("diff")[3:] != []
    assert item.pop("line") > 1
    assert item == {
        "cause": "edited by hand",
        "effect": "bytes differ",
        "model": "gpt2",
        "path": f"generated/{GPT2}",
        "message": "is not what was written there",
    }


def test_json_when_all_is_current() -> None:
    document = json.loads(as_json(report(mend="")))
    assert (document["current"], document["findings"], document["mend"]) == (True, [], None)
