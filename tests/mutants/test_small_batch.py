"""A small batch of mutants, and the proof that the laboratory notices a generator that is wrong."""

from __future__ import annotations

import ast

import pytest

from tests.mutants.batch import examine_one, prepare_process
from tests.mutants.laboratory import Laboratory
from tests.mutants.mutants import make_mutant
from tests.mutants.verdict import Outcome
from tests.proofs.test_broken_rules import Break, drop_the_window, shift_the_mask_by_one

SEED = 1
MUTANTS_PER_FAMILY = 6


@pytest.fixture(autouse=True)
def quiet() -> None:
    prepare_process()


@pytest.mark.parametrize("family", ["llama", "qwen3", "gpt2", "falcon", "gpt_oss"])
def test_no_mutant_is_silently_wrong(family: str) -> None:
    laboratory = Laboratory(family)
    results = [examine_one(laboratory, family, SEED, number) for number in range(MUTANTS_PER_FAMILY)]
    assert sum(result.verdict.outcome.counts for result in results) >= 2
    for result in results:
        assert result.verdict.outcome is not Outcome.SILENT, f"{result.verdict.detail}\n{result.diff}"


def test_a_mutant_is_the_same_every_time_and_never_the_original() -> None:
    laboratory = Laboratory("llama")
    original = laboratory.upstream.source
    one, other = (make_mutant(original, laboratory.ground, "1/llama", 3) for _ in range(2))
    assert one == other
    assert ast.dump(ast.parse(one.source)) != ast.dump(ast.parse(original))
    assert one.source != make_mutant(original, laboratory.ground, "2/llama", 3).source


@pytest.mark.parametrize(
    ("family", "break_rule"),
    [("qwen3", drop_the_window), ("llama", shift_the_mask_by_one)],
    ids=["window lost", "mask shifted"],
)
def test_a_wrong_generator_is_noticed(family: str, break_rule: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    laboratory = Laboratory(family)
    source = laboratory.upstream.source
    assert laboratory.examine(source, 0).outcome is Outcome.EQUAL
    break_rule(monkeypatch)
    verdict = laboratory.examine(source, 0)
    assert verdict.outcome is Outcome.SILENT, verdict
    assert "logits differ by" in verdict.detail


def test_upstream_that_has_no_one_answer_does_not_count() -> None:
    laboratory = Laboratory("llama")
    source = laboratory.upstream.source
    residual = "hidden_states = residual + hidden_states"
    assert residual in source
    raising = source.replace(residual, "raise ValueError", 1)
    mixing = source.replace(residual, f"{residual}.mean(1, keepdim=True)", 1)
    assert laboratory.examine(raising, 0).outcome is Outcome.BROKEN
    assert laboratory.examine(mixing, 0).outcome is Outcome.AMBIGUOUS


def test_a_change_in_arithmetic_is_followed_or_refused() -> None:
    laboratory = Laboratory("llama")
    followed = laboratory.upstream.source.replace("residual + hidden_states", "residual - hidden_states", 1)
    verdict = laboratory.examine(followed, 0)
    assert verdict.outcome is Outcome.EQUAL and verdict.changed_numbers
    handed_on = "value_states,\n            attention_mask,"
    assert handed_on in laboratory.upstream.source
    refused = laboratory.upstream.source.replace(handed_on, handed_on.replace("att", "2 * att"))
    verdict = laboratory.examine(refused, 0)
    assert verdict.outcome is Outcome.REFUSED and "mask" in verdict.detail, verdict
