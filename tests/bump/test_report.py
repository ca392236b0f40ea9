"""The report: the same data in three forms, readable, escaped, and the same bytes every time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from qeff_codegen.bump import pages, report
from qeff_codegen.bump.comparison import Bump
from qeff_codegen.bump.decisions import Decisions
from qeff_codegen.bump.pages import cell, coloured
from qeff_codegen.bump.report import FORMATS, HTML, JSON, MARKDOWN, Report, form_of, write_report
from qeff_codegen.coverage.family_result import MISMATCH, SUPPORTED, FamilyResult
from qeff_codegen.errors import UsageError

STAGES = {
    "apple": FamilyResult("apple", SUPPORTED, seconds=12.5, stages=3, scenarios=12),
    "plum": FamilyResult(
        "plum", MISMATCH, seconds=3.5, reason="1 of 12 scenarios differ", detail="base: <b>Stage 2</b>"
    ),
}


class Page(HTMLParser):
    """What a browser would see: text, elements, and what would be fetched or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.shown = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [
            value or ""
            for name, value in attrs
            if name == "src" or (name == "href" and value and value[0] != "#" and value != "data:,")
        ]
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.shown += data


@pytest.fixture(scope="module")
def page(bump: Bump) -> Page:
    return Page(Report(bump, Decisions(("fig",), STAGES)).render(HTML))


def test_the_page_is_whole_and_needs_nothing_but_itself(page: Page) -> None:
    assert page.open == []
    assert page.fetched == []
    assert "script" not in page.tags


def test_source_is_shown_as_it_is(page: Page) -> None:
    assert page.shown.count("+        # <script>alert(1)</script> & more\n") == 2
    assert "base: <b>Stage 2</b>" in page.shown


def test_the_page_says_everything(page: Page) -> None:
    text = " ".join(page.shown.split())
    assert "From transformers 1.0.0 to 2.0.0" in text
    assert "fig dropped anatomy no attention of FigAttention updates a KV cache" in text
    assert "its causal LM KiwiForCausalLM is now that of kiwano" in text
    assert "Stages 1 to 3 with the new release: 1 mismatch, 1 supported." in text
    assert "apple: Stages 1 to 3 equal in 12 scenarios." in text
    assert "plum: mismatch: 1 of 12 scenarios differ" in text
    assert "The rules, or the formatter, have changed" not in text


def test_what_changes_alike_in_many_files_is_shown_once(bump: Bump, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Page(Report(bump).render(HTML)).shown
    monkeypatch.setattr(report, "FEWEST_FILES", 1)
    folded = Page(Report(bump).render(HTML)).shown
    line = "+# <script>alert(1)</script> & more\n"
    assert (whole.count(line), folded.count(line)) == (0, 2), "once of upstream, once of what is generated"
    text = " ".join(folded.split())
    assert (
        "1 with nothing but what changes alike in many filesplum Changed, generated code unchanged: 1 1 with" in text
    )


def test_a_diff_that_is_too_long_says_where_the_rest_is(bump: Bump, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "further lines are in the report as" not in Report(bump).render(HTML)
    monkeypatch.setattr(pages, "MOST_LINES", (4,))
    assert "further lines are in the report as <code>*.json</code>" in Report(bump).render(HTML)


def test_a_page_that_would_be_too_large_shows_less_of_each_diff(bump: Bump, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Report(bump).render(HTML)
    monkeypatch.setattr(pages, "LARGEST", len(whole.encode()) - 1)
    monkeypatch.setattr(pages, "MOST_LINES", (120, 4))
    less = Report(bump).render(HTML)
    assert len(less.encode()) < len(whole.encode())
    assert "further lines are in the report as" in less


def test_other_rules_are_said_first(bump: Bump) -> None:
    stale = Report(Bump(bump.releases, bump.version, bump.comparisons, ("apple",)))
    for form in (HTML, MARKDOWN):
        assert "Stages 1 to 3 were not run." in stale.render(form)
        assert "since 1 of the checked-in packages" in stale.render(form).replace("\n", " ")


def test_markdown_has_tables_that_are_whole(bump: Bump) -> None:
    text = Report(bump, Decisions((), STAGES)).render(MARKDOWN)
    lines = text.splitlines()
    assert lines[0] == "# From transformers 1.0.0 to 2.0.0"
    columns = 0
    for line, above in zip(lines[1:], lines, strict=False):
        if line.startswith("|---"):
            columns = line.count("|")
            assert above.count("|") == columns
        elif not line.startswith("|"):
            columns = 0
        elif columns:
            assert line.replace("\\|", "").count("|") == columns, line
    assert "| `plum` | +1 -1 | +1 -1 | plum: mismatch |  |" in lines
    assert "| `kiwi` | its causal LM KiwiForCausalLM is now that of `kiwano` | | | |" in lines
    assert "\n\n\n" not in text


def test_json_holds_the_diffs_and_no_times(bump: Bump) -> None:
    record = json.loads(Report(bump, Decisions((), STAGES)).render(JSON))
    packages = {item["title"]: item for item in record["packages"]}
    assert record["counts"][0] == {"outcome": "refused now", "packages": 1, "families": 1}
    assert packages["plum"]["generated_diff"].startswith("--- plum/modeling_plum.py\n+++ plum/modeling_plum.py\n@@ ")
    assert packages["plum"]["before"]["transformers"] == "1.0.0"
    assert packages["fig"]["refusal"]["place"].startswith("transformers/models/fig/modeling_fig.py:")
    assert "seconds" not in packages["apple"]["stages"][0]


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_bump_gives_the_same_bytes(bump: Bump, form: str) -> None:
    assert Report(bump, Decisions((), STAGES)).render(form) == Report(bump, Decisions((), STAGES)).render(form)


def test_diffs_do_not_depend_on_the_order_of_sets() -> None:
    """Frequent changes are counted over sets of texts, whose order differs from one interpreter to the next."""
    code = (
        "from qeff_codegen.bump.diffs import frequent_changes\n"
        "pairs = [('a = 1\\nb = 2\\nc\\n', 'x = 1\\ny = 2\\n')] * 3 + [('d\\ne\\n', 'd\\nf\\ne\\n')] * 3\n"
        "print(frequent_changes(pairs, fewest=1, most=9))\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1


def test_every_line_of_a_diff_stays_one_line() -> None:
    diff = "--- a\n+++ b\n@@ -1 +1 @@\n \n-x < 1\n+x & 1\n\\ No newline\n"
    shown = Page(f"<pre>{coloured(diff)}</pre>").shown
    assert shown == diff


def test_a_cell_is_one_line_without_bars() -> None:
    assert cell("a | b\n  c") == "a \\| b c"


def test_the_format_follows_the_suffix(tmp_path: Path) -> None:
    assert [form_of(Path(f"a.{suffix}")) for suffix in ("html", "md", "json")] == [HTML, MARKDOWN, JSON]
    with pytest.raises(UsageError, match=r"a.txt: name a report \*.html, \*.md, \*.json, or give --format."):
        form_of(Path("a.txt"))
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write_report(tmp_path / "file" / "a.md", "text")
