"""Write docs/rules.md from the rules and their examples: `python -m tests.rewrite_rules.catalogue`."""

from __future__ import annotations

import difflib
import inspect
from pathlib import Path

from qeff_codegen.engine.rule import Check, Rule
from qeff_codegen.engine.rule_set import checks, rules
from tests.rewrite_rules.example_runner import HERE, NOTHING, apply_and_compare

CATALOGUE = HERE.parents[1] / "docs" / "rules.md"
INTRODUCTION = """\
# Rule catalogue

Written from the rules and their examples by `make docs`; do not edit by hand.

A rule is one file. It looks at functions by the role of their class, never by a model's name. A rule that must match
and does not refuses the model: nothing is written for it. The examples are in `tests/rewrite_rules/<rule>/`; each diff
below is what the rule alone makes of one of them.
"""


def catalogue() -> str:
    """The catalogue's text."""
    sections = [INTRODUCTION, _contents()]
    for folder, title in (("normalize", "Normalize: one dialect"), ("rewrite", "Rewrite: QEff semantics")):
        sections.append(f"## {title}\n")
        sections += [_rule_section(rule) for rule in rules() if _folder(rule) == folder]
    sections.append("## Verify: promises about the finished module\n")
    sections += [_check_section(check) for check in checks()]
    return "\n".join(sections)


def _contents() -> str:
    rows = [f"| [{rule.id}](#{rule.id}) | {_folder(rule)} | {rule.why} |" for rule in rules()]
    rows += [f"| [{check.id}](#{check.id}) | verify | {check.promise} |" for check in checks()]
    return "\n".join(["| rule | folder | why, or the promise it keeps |", "|---|---|---|", *rows, ""])


def _folder(rule: Rule | Check) -> str:
    return type(rule).__module__.split(".")[1]


def _docstring(rule: Rule | Check) -> str:
    return inspect.cleandoc(inspect.getmodule(type(rule)).__doc__ or "")


def _rule_section(rule: Rule) -> str:
    lines = [
        f"### {rule.id}\n",
        f"{_docstring(rule)}\n",
        f"- reads: {', '.join(rule.roles)}",
        f"- matches {rule.expect.value}: {rule.construct}\n",
    ]
    for folder in sorted((HERE / rule.id).glob("*/")):
        if (folder / "before.py").exists():
            lines.append(_example(rule, folder))
    return "\n".join(lines)


def _example(rule: Rule, folder: Path) -> str:
    title = f"Example `{folder.name}`"
    refusal = folder / "refusal.txt"
    if refusal.exists():
        return f"{title} is refused:\n\n```text\n{refusal.read_text()}```\n"
    if (folder / "after.py").read_text() == NOTHING:
        return f"{title}: the rule changes nothing there.\n"
    before, after = apply_and_compare(rule, (folder / "before.py").read_text())
    before = "" if before == NOTHING else before
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "after", n=2, lineterm="")
    body = "\n".join(line for line in diff if not line.startswith(("---", "+++")))
    return f"{title}:\n\n```diff\n{body}\n```\n"


def _check_section(check: Check) -> str:
    return f"### {check.id}\n\n{_docstring(check)}\n\n- promise: {check.promise}\n"


if __name__ == "__main__":
    CATALOGUE.write_text(catalogue())
