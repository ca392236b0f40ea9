"""What a reader sees: a live table on a terminal, plain lines elsewhere, a summary that hides nothing."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from qeff_codegen.validation.marks import in_full, legend, plain_row
from qeff_codegen.validation.report import _LiveTable, reporting, summary, texts
from qeff_codegen.validation.report import shown as show_all
from qeff_codegen.validation.results import Row, ScenarioFinished, ScenarioResult, StageResult, StageStarted

ROW = Row("toy", "base", "ragged batch")


def result(second: StageResult, third: StageResult, **extra: object) -> ScenarioResult:
    fields: dict[str, object] = {"seed": 0, "tolerance": 2e-4, "min_margin": 0.01, "context_sensitivity": 1.0} | extra
    stages = (StageResult(1, "reference"), second, third, StageResult(4, "not run", detail="no compiler"))
    return ScenarioResult(ROW.model, ROW.variant, ROW.scenario, stages=stages, **fields)  # type: ignore[arg-type]


EQUAL = result(StageResult(2, "equal", 1e-6), StageResult(3, "equal", 4e-6))
DIFFERENT = result(
    StageResult(2, "different", 0.5, "prompt 0, step 1: same token\nfirst different: layers.0"),
    StageResult(3, "not run", detail="Stage 2 is different"),
)


def shown(console: Console, events: list[StageStarted | ScenarioFinished]) -> None:
    with reporting(console, [ROW]) as reporter:
        for event in events:
            reporter.show(event)


def test_a_pipe_gets_one_short_line_per_scenario() -> None:
    output = io.StringIO()
    shown(Console(file=output, width=60), [StageStarted(ROW, 2), ScenarioFinished(ROW, EQUAL)])
    assert output.getvalue() == (
        "toy\n"  # once for all of its scenarios
        "  1 2 3 4  largest  scenario\n"
        "  . = = -     0.02  base, ragged batch\n"
    )


def test_a_difference_is_marked_in_its_stage() -> None:
    assert plain_row(DIFFERENT) == "  . x - -  2.5e+03  base, ragged batch"


@pytest.mark.parametrize("width", [50, 80, 130])
def test_a_terminal_gets_one_row_a_scenario(width: int) -> None:
    output = io.StringIO()
    console = Console(file=output, width=width, force_terminal=True, color_system=None)
    rows = [Row("toy", f"a variant with a long name {number}", "end of context") for number in range(3)]
    with reporting(console, rows) as reporter:
        for row in rows:
            reporter.show(StageStarted(row, 1))
            reporter.show(StageStarted(row, 2))
            reporter.show(ScenarioFinished(row, EQUAL))
    last = output.getvalue().rpartition("toy: ")[2]
    found = [line for line in last.splitlines() if line.startswith(".")]
    assert [line.split()[:5] for line in found] == [[".", "=", "=", "-", "0.02"]] * 3
    assert max(map(len, last.splitlines())) <= width
    left = " ".join(last.split())
    assert all(f"a variant with a long name {number}, end of" in left for number in range(3)), "names are left whole"


def test_a_row_is_one_line_while_it_may_change() -> None:
    """A table whose lines wrap differently from moment to moment jumps."""
    output = io.StringIO()
    table = _LiveTable([Row("toy", "a variant with a long name", "end of context")], lambda: 0.0)
    Console(file=output, width=40).print(table)
    assert output.getvalue().splitlines()[2].endswith("a variant with a l…")
    assert len(output.getvalue().splitlines()) == 3


def test_marks_and_headings_are_explained_once_below() -> None:
    assert legend([EQUAL, DIFFERENT]) == (
        "Stages: 1 Hugging Face, 2 QEff PyTorch, 3 ONNX Runtime, 4 Cloud AI 100. "
        "Marks: . reference, = equal, - not run, x different.\n"
        "Largest: the largest logit difference to Stage 1, as a part of the tolerance."
    )


def test_the_rest_is_shown_when_asked_for() -> None:
    output = io.StringIO()
    console = Console(file=output, width=60)
    in_detail = in_full(EQUAL)
    assert in_detail == (
        "toy, base, ragged batch: Hugging Face: reference; QEff PyTorch: equal (1e-06); ONNX Runtime: equal (4e-06); "
        "Cloud AI 100: not run; tolerance 0.0002; two best logits apart by 0.01; context sensitivity 1; seed 0"
    )
    show_all(console, [ROW], [ScenarioFinished(ROW, EQUAL)])
    assert in_detail not in output.getvalue()
    show_all(console, [ROW], [ScenarioFinished(ROW, EQUAL)], in_detail=True)
    assert in_detail in output.getvalue()


def test_the_time_left_is_what_the_rest_takes_if_it_takes_as_long() -> None:
    output = io.StringIO()
    console = Console(file=output, width=80, force_terminal=True, color_system=None)
    rows = [Row("toy", "base", str(number)) for number in range(4)]
    seconds = 0.0
    with reporting(console, rows, lambda: seconds) as reporter:
        reporter.show(StageStarted(rows[0], 1))
        seconds = 5.0
        reporter.show(ScenarioFinished(rows[0], EQUAL))
    assert "toy: 1 of 4 scenarios, about 15 s left" in output.getvalue()


def test_a_terminal_gets_a_table_that_ends_complete() -> None:
    output = io.StringIO()
    console = Console(file=output, width=140, force_terminal=True, color_system=None)
    shown(console, [StageStarted(ROW, 1), StageStarted(ROW, 2), ScenarioFinished(ROW, EQUAL)])
    assert "toy: 1 of 1 scenarios" in output.getvalue()
    assert ".  =  =  -     0.02  base, ragged batch" in output.getvalue().rpartition("scenarios")[2]


def test_each_model_has_a_table_of_its_own_on_a_terminal() -> None:
    output = io.StringIO()
    console = Console(file=output, width=140, force_terminal=True, color_system=None)
    other = Row("other", "base", "ragged batch")
    with reporting(console, [ROW, other]) as reporter:
        for row in (ROW, other):
            reporter.show(StageStarted(row, 1))
            reporter.show(ScenarioFinished(row, EQUAL))
    assert output.getvalue().rindex("toy: 1 of 1") < output.getvalue().index("other: ")
    assert "other: 1 of 1" in output.getvalue()


def test_the_summary_says_how_sure_it_is_and_what_did_not_run() -> None:
    assert summary([EQUAL]) == (
        "Stages 1 to 3 equal in 1 of 1 scenarios.\n"
        "Closest greedy choice: the two best logits are 50 tolerances apart (toy, base, ragged batch).\n"
        "Largest logit difference where equal: 0.02 of the tolerance.\n"
        "Stage 4 (Cloud AI 100) not run: no compiler."
    )


def test_the_summary_gives_every_mismatch_in_full() -> None:
    assert summary([EQUAL, DIFFERENT]).startswith(
        "toy, base, ragged batch: Stage 2 (QEff PyTorch) different\n"
        "  prompt 0, step 1: same token\n"
        "  first different: layers.0\n"
        "Stages 1 to 3 equal in 1 of 2 scenarios.\n"
    )


def test_notes_are_given_once() -> None:
    noted = result(StageResult(2, "equal", 1e-6), StageResult(3, "equal", 4e-6), notes=("same chunks",))
    assert summary([noted, noted]).count("Note: same chunks") == 1


def test_texts_of_all_stages_stand_below_their_prompt() -> None:
    said = tuple(StageResult(stage, "equal", texts=("Paris",)) for stage in (1, 2))
    real = ScenarioResult("toy", "real", "text", None, 1.0, 1.0, None, said, prompts=("Capital?",))
    assert texts(real) == (
        "Prompt: Capital?\n  Stage 1 (Hugging Face): 'Paris'\n  Stage 2 (QEff PyTorch): 'Paris'\n"
        "  same text in 2 stages\n"
    )
    assert texts(EQUAL) == ""


def test_json_has_no_infinity() -> None:
    endless = result(StageResult(2, "different", float("inf"), "NaN"), StageResult(3, "not run"))
    stages = endless.as_json()["stages"]
    assert [stage["max_difference"] for stage in stages] == [None, None, None, None]
    assert stages[1]["status"] == "different"
