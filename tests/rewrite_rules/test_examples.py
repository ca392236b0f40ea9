"""Every rule does to its examples what their `after.py` shows, or refuses with the text of their `refusal.txt`."""

from __future__ import annotations

from pathlib import Path

import pytest

from qeff_codegen.engine.rule_set import rules
from qeff_codegen.errors import Refusal
from tests.rewrite_rules.example_runner import HERE, NOTHING, apply_rule

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
        for other in ("after.py", "refusal.txt"):
            (folder / other).unlink(missing_ok=True)
        expected.write_text(result)
    assert expected.exists(), f"the rule gives, and {expected.name} does not exist:\n{result}"
    assert result == expected.read_text()


@pytest.mark.parametrize("case", CASES)
def test_an_example_says_one_thing(case: str) -> None:
    assert (HERE / case / "after.py").exists() is not (HERE / case / "refusal.txt").exists()


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule_has_an_example_it_changes(name: str) -> None:
    changing = [path for path in (HERE / name).glob("*/after.py") if path.read_text() != NOTHING]
    assert changing, f"tests/rewrite_rules/{name}/<case>/ needs a before.py that the rule changes"


def test_no_example_without_a_rule() -> None:
    folders = {path.name for path in Path(HERE).iterdir() if path.is_dir() and not path.name.startswith("_")}
    assert folders <= set(RULES)
