"""README shows what commands print."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from click.testing import Result

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.validation.marks import legend, plain_heading
from qeff_codegen.validation.plans import plan_of
from qeff_codegen.validation.results import EQUAL, PREFLIGHT_PASSED, REFERENCE, ScenarioResult, StageResult
from tests.imports import ROOT

README = (ROOT / "README.md").read_text("utf-8")


def block_with(line: str) -> list[str]:
    """The lines of the one block of README that holds `line`."""
    blocks = re.findall(r"```\n(.*?)```", README, re.DOTALL)
    (found,) = (block.splitlines() for block in blocks if f"{line}\n" in block)
    return found


def not_printed(quoted: list[str], printed: str) -> Iterator[str]:
    """The quoted lines that are not printed in this order; `...` stands for anything, within a line too."""
    rest = iter(printed.splitlines())
    for line in quoted:
        if line.strip() == "...":
            continue
        start, _, _ = line.partition(" ...")
        if not any(other.startswith(start) if start != line else other == line for other in rest):
            yield line


def test_the_demo_is_shown_as_it_is_printed(run: Callable[..., Result], tmp_path: Path) -> None:
    printed = run("blueprint", "--output", "build/demo").stdout
    quoted = block_with("blueprint: rules that changed it")
    assert list(not_printed(quoted, printed)) == []
    assert "blueprint --output build/demo\n" in (ROOT / "Makefile").read_text("utf-8")


def test_a_line_that_is_not_printed_is_noticed() -> None:
    assert list(not_printed(["a", "...", "b c ..."], "a\nx\nb c d\n")) == []
    assert list(not_printed(["a", "b"], "b\na\n")) == ["b"]
    assert list(not_printed(["a b"], "a b c\n")) == ["a b"]


def test_a_validation_is_shown_in_its_own_form() -> None:
    statuses = (REFERENCE, EQUAL, EQUAL, PREFLIGHT_PASSED)
    stages = tuple(StageResult(number, status) for number, status in enumerate(statuses, start=1))
    result = ScenarioResult("blueprint", "base", "ragged batch", 0, None, None, None, stages)
    count = sum(1 for _ in plan_of("blueprint", load_transforms("blueprint", ROOT / "generated")).rows())
    quoted = block_with(f"Stages 1 to 3 equal in {count} of {count} scenarios.")
    assert quoted[1] == plain_heading()
    assert [line for line in quoted if line.startswith(("Stages: ", "Largest: "))] == legend([result]).splitlines()
