"""Every rule does to its examples what their `after.py` shows, or refuses with the text of their `refusal.txt`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.anatomy.recognise import recognise
from qeff_codegen.emit.modeling_file import assemble
from qeff_codegen.engine.draft import open_draft
from qeff_codegen.engine.rule import Rule
from qeff_codegen.engine.rule_set import rules, rules_for
from qeff_codegen.errors import Refusal
from qeff_codegen.targets.embedded import EMBEDDED
from qeff_codegen.targets.qefficient import QEFFICIENT
from qeff_codegen.targets.target import Target
from tests.rewrite_rules.example_runner import HERE, NOTHING, apply_rule, example_model

RULES = {rule.id: rule for rule in rules()}
CASES = sorted(path.parent.relative_to(HERE).as_posix() for path in HERE.glob("*/*/before.py"))


@pytest.mark.parametrize("case", CASES)
def test_example(case: str, request: pytest.FixtureRequest) -> None:
    folder = HERE / case
    expected = folder / "after.py"
    try:
        result = apply_rule(RULES[folder.parent.name], (folder / "before.py").read_text())
    except Refusal as refusal:
        expected, result = folder / "refusal.txt", f"{refusal}\n"
    if request.config.getoption("--accept-examples"):
        expected.write_text(result)
    assert expected.exists(), f"the rule gives, and {expected.name} does not exist:\n{result}"
    assert result == expected.read_text()


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule_has_an_example_it_changes(name: str) -> None:
    changing = [path for path in (HERE / name).glob("*/after.py") if path.read_text() != NOTHING]
    assert changing, f"tests/rewrite_rules/{name}/<case>/ needs a before.py that the rule changes"


def test_no_example_without_a_rule() -> None:
    folders = {path.name for path in Path(HERE).iterdir() if path.is_dir() and not path.name.startswith("_")}
    assert folders <= set(RULES)


def _generated(target: Target, order: list[int] | None = None) -> str:
    """The skeleton's generated code, with the rules of each folder run in the given order."""
    draft = open_draft(recognise(read_modeling_file(example_model(""))), target)
    for rule in rules_for(target) if order is None else _shuffled(order):
        if rule.runs_for(target):
            rule.apply(draft)
    return assemble(draft).code


def _shuffled(order: list[int]) -> list[Rule]:
    """Rules sorted by folder first, then by the given order."""
    ranked = sorted(zip(order, rules(), strict=True), key=lambda item: item[0])
    folder = {rule: rule.__module__.split(".")[1] for rule in rules()}
    return [rule for _, rule in ranked if folder[rule] == "normalize"] + [
        rule for _, rule in ranked if folder[rule] == "rewrite"
    ]


@pytest.mark.parametrize("target", [EMBEDDED, QEFFICIENT], ids=lambda target: target.name)
@settings(max_examples=10, deadline=None, derandomize=True)
@given(order=st.permutations(range(len(rules()))))
def test_rules_of_one_folder_commute(target: Target, order: list[int]) -> None:
    assert _generated(target, order) == _generated(target)
