"""Write docs/rules.md from the rules and their examples: `python -m tests.rewrite_rules.catalogue`."""

from __future__ import annotations

import difflib
import importlib
import inspect
from itertools import groupby
from pathlib import Path

from qeff_codegen.engine.pattern_rule import Change, PatternRule
from qeff_codegen.engine.rule import Check, Rule
from qeff_codegen.engine.rule_set import checks, rules, stage_of
from tests.rewrite_rules.example_runner import HERE, NOTHING, apply_and_compare

CATALOGUE = HERE.parents[1] / "docs" / "rules.md"
INTRODUCTION = """\
# Rule catalogue

Written from the rules and their examples by `make docs`; do not edit by hand.

A rule is one file. It looks at functions by the role of their class, never by a model's name. A rule that must match
and does not refuses the model: nothing is written for it. Rules stand in folders by subject, which run in the order
below; within one, the order of rules changes nothing.

In what a rule looks for, `$x` stands for any expression, and for the same one wherever it stands again; `...` for
further arguments or statements; `{a, b}` for one of several spellings. Each diff is what the rule alone makes of one
of its examples, that with the shortest diff; the others are a link away.
"""
TITLES = {
    "normalize": "Normalize: one dialect",
    "rewrite": "Rewrite: QEff semantics",
    "verify": "Verify: promises about the finished module",
}


def catalogue() -> str:
    """The catalogue's text."""
    found: list[Rule | Check] = [*rules(), *sorted(checks(), key=stage_of)]
    sections = [INTRODUCTION, _contents(found)]
    for folder, title in TITLES.items():
        sections.append(f"## {title}\n")
        for stage, items in groupby(found, key=stage_of):
            if stage.split("/")[0] == folder:
                sections.append(f"### {stage}\n\n{_sentence(stage)}\n")
                sections += [_rule_section(item) if isinstance(item, Rule) else _check_section(item) for item in items]
    return "\n".join(sections)


def _contents(found: list[Rule | Check]) -> str:
    rows = [
        f"| [{item.id}](#{item.id}) | {stage_of(item)} | {item.why if isinstance(item, Rule) else item.promise} |"
        for item in found
    ]
    return "\n".join(["| rule | folder | why, or the promise it keeps |", "|---|---|---|", *rows, ""])


def _sentence(stage: str) -> str:
    return inspect.getdoc(importlib.import_module("rewrite_rules." + stage.replace("/", "."))) or ""


def _docstring(rule: Rule | Check) -> str:
    return inspect.cleandoc(inspect.getmodule(type(rule)).__doc__ or "")


def _rule_section(rule: Rule) -> str:
    changes = rule.changes if isinstance(rule, PatternRule) else ()
    lines = [
        f"#### {rule.id}\n",
        f"{_docstring(rule)}\n",
        f"- reads: {', '.join(rule.roles)}",
        f"- matches {rule.expect.value}: {rule.construct}\n",
        *(_change(change) for change in changes),
    ]
    folders = [path for path in sorted((HERE / rule.id).glob("*/")) if (path / "before.py").exists()]
    changing = [path for path in folders if (path / "after.py").exists() and _after(path) != NOTHING]
    diffs = {path: _diff(rule, path) for path in changing}
    shortest = min(diffs, key=lambda path: (len(diffs[path]), path.name))
    lines.append(f"Example `{shortest.name}`:\n\n```diff\n{diffs[shortest]}\n```\n")
    others = [_link(path) for path in folders if path != shortest]
    lines += [f"More: {', '.join(others)}.\n"] if others else []
    return "\n".join(lines)


def _change(change: Change) -> str:
    return f"```text\n{change.find.strip()}\n--- becomes\n{change.give.strip() or '(nothing)'}\n```\n"


def _after(folder: Path) -> str:
    return (folder / "after.py").read_text()


def _link(folder: Path) -> str:
    is_refused = (folder / "refusal.txt").exists()
    note = " (refused)" if is_refused else " (unchanged)" if _after(folder) == NOTHING else ""
    return f"[{folder.name}](../tests/rewrite_rules/{folder.parent.name}/{folder.name}/){note}"


def _diff(rule: Rule, folder: Path) -> str:
    before, after = apply_and_compare(rule, (folder / "before.py").read_text())
    before = "" if before == NOTHING else before
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "after", n=1, lineterm="")
    return "\n".join(line for line in diff if not line.startswith(("---", "+++")))


def _check_section(check: Check) -> str:
    return f"#### {check.id}\n\n{_docstring(check)}\n\n- promise: {check.promise}\n"


if __name__ == "__main__":
    CATALOGUE.write_text(catalogue())
