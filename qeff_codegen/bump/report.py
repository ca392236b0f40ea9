"""The report of a bump, for people (HTML, Markdown) and for machines (JSON): all three from the same data."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from qeff_codegen.bump.comparison import ADDABLE, KEPT, LOST, OUTCOMES, Bump, Comparison
from qeff_codegen.bump.decisions import Decisions
from qeff_codegen.bump.diffs import FrequentChange, frequent_changes, lines_changed
from qeff_codegen.coverage.family_result import FamilyResult
from qeff_codegen.errors import Refusal, UsageError
from qeff_codegen.files.whole_file import write_whole

HTML = "html"
MARKDOWN = "markdown"
JSON = "json"
SUFFIXES = {".html": HTML, ".md": MARKDOWN, ".json": JSON}
FORMATS = (HTML, MARKDOWN, JSON)

FEWEST_FILES = 3
MOST_CHANGES = 40


@dataclass(frozen=True)
class Report:
    """A bump and what else is known about it.

    Attributes:
        decisions: what is given up, and what validation has found.
    """

    bump: Bump
    decisions: Decisions = field(default_factory=Decisions)

    def render(self, form: str) -> str:
        """The report's text in one of `FORMATS`."""
        if form == JSON:
            return json.dumps(self.as_data(), indent=1) + "\n"
        # jinja2 is of no use to whoever reads the summary on the terminal only.
        from qeff_codegen.bump.pages import html_page, markdown_page

        return html_page(self.as_data()) if form == HTML else markdown_page(self.as_data())

    def as_data(self) -> dict[str, Any]:
        """Everything in the report, as plain dictionaries; the same bump gives the same data."""
        bump = self.bump
        sources = [(item.before.source, item.after.source) for item in bump.comparisons if item.before and item.after]
        codes = [
            (item.before.code, item.generated.code) for item in bump.comparisons if item.before and item.generated
        ]
        of_upstream, of_generated = (
            frequent_changes(pairs, fewest=FEWEST_FILES, most=MOST_CHANGES) for pairs in (sources, codes)
        )
        return {
            "from": list(bump.releases),
            "to": bump.version,
            "other_rules": list(bump.other_rules),
            "stages": dict(sorted(Counter(result.state for result in self.decisions.stages.values()).items())),
            "groups": {"lost": LOST, "kept": KEPT, "addable": ADDABLE},
            "counts": counts(bump),
            "frequent_changes": [_change(change) for change in of_upstream],
            "frequent_generated_changes": [_change(change) for change in of_generated],
            "packages": [
                {
                    **self._package(item),
                    "upstream_own_diff": item.upstream_own_diff(of_upstream),
                    "generated_own_diff": item.generated_own_diff(of_generated),
                }
                for item in bump.comparisons
            ],
        }

    def _package(self, item: Comparison) -> dict[str, Any]:
        before, after, stages = item.before, item.after, self.decisions.stages
        return {
            "title": item.title,
            "package": item.package,
            "families": list(item.families),
            "outcome": item.outcome,
            "note": item.note,
            "dropped": self.decisions.drops(item),
            "before": before and _source(before.version, before.entry.upstream_path, before.entry.upstream_sha256),
            "after": after and _source(after.version, after.display_path, after.sha256),
            "upstream_lines": lines_changed(item.upstream_diff),
            "generated_lines": lines_changed(item.generated_diff),
            "refusal": item.refusal and _refusal(item.refusal),
            "stages": [_stages(stages[family]) for family in item.families if family in stages],
            "upstream_diff": item.upstream_diff,
            "generated_diff": item.generated_diff,
        }


def _change(change: FrequentChange) -> dict[str, Any]:
    return {**asdict(change), "is_renaming": change.is_renaming}


def counts(bump: Bump) -> list[dict[str, Any]]:
    """How many packages and families have each outcome, outcomes that nothing has left out."""
    found = [(outcome, bump.of(outcome)) for outcome in OUTCOMES]
    return [
        {"outcome": outcome, "packages": len(items), "families": sum(len(item.families) for item in items)}
        for outcome, items in found
        if items
    ]


def form_of(path: Path) -> str:
    """The format that a file's name asks for.

    Raises:
        UsageError: its suffix is none of `SUFFIXES`.
    """
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path}: name a report {', '.join(f'*{suffix}' for suffix in SUFFIXES)}, or give --format.")
    return SUFFIXES[path.suffix]


def write_report(path: Path, text: str) -> None:
    """Write the report's file, whole or not at all.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        write_whole(path, text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}. Choose another --report.") from error


def _source(version: str | None, path: str, sha256: str) -> dict[str, Any]:
    return {"transformers": version, "path": path, "sha256": sha256}


def _refusal(refusal: Refusal) -> dict[str, str]:
    return {
        "rule": refusal.rule,
        "what": refusal.what,
        "place": str(refusal.location or ""),
        "source": refusal.location.excerpt.strip() if refusal.location else "",
        "expected": refusal.expected,
        "next_step": refusal.next_step,
    }


def _stages(result: FamilyResult) -> dict[str, Any]:
    """Without the seconds: the same release gives the same report."""
    record = result.as_json()
    return {key: record[key] for key in ("family", "state", "stages", "scenarios", "reason", "detail")}
