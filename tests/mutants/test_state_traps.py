"""Traps for states: a runtime that loses their meaning is noticed, and traps find places in every kind of mixer."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cached_property

import pytest
import torch

from qeff_codegen.runtime.states import delta_rule_inputs
from qeff_codegen.runtime.states.rows import CallRows
from tests.mutants.batch import prepare_process
from tests.mutants.edits import Text, reached_functions
from tests.mutants.laboratory import Laboratory
from tests.mutants.mutants import TRAPS_FOR_STATES, Mutator
from tests.mutants.state_traps import keeps_state
from tests.mutants.verdict import Outcome

FAMILIES = ["lfm2", "qwen3_next", "bamba", "mamba", "kimi_linear", "granitemoehybrid"]


@pytest.fixture(autouse=True)
def quiet() -> None:
    prepare_process()


def never_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    begins = cached_property(lambda rows: torch.zeros_like(rows.idle))
    begins.__set_name__(CallRows, "begins")
    monkeypatch.setattr(CallRows, "begins", begins)


def count_pads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta_rule_inputs, "without_pads", lambda tokens, position_ids: tokens)


@pytest.mark.parametrize(
    ("family", "breaks"), [("lfm2", never_reset), ("qwen3_next", never_reset), ("qwen3_next", count_pads)]
)
def test_a_wrong_runtime_is_noticed(
    family: str, breaks: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    laboratory = Laboratory(family)
    source = laboratory.upstream.source
    assert laboratory.examine(source, 0).outcome is Outcome.EQUAL
    breaks(monkeypatch)
    verdict = laboratory.examine(source, 0)
    assert verdict.outcome is Outcome.SILENT, verdict


def test_another_layers_window_is_refused() -> None:
    laboratory = Laboratory("mamba")
    read = "cache.get_conv_state(self.layer_idx, state_idx=0)"
    assert read in laboratory.upstream.source
    changed = laboratory.upstream.source.replace(read, read.replace("self.layer_idx", "0"))
    verdict = laboratory.examine_state_trap(changed, 0)
    assert verdict.outcome is Outcome.REFUSED and "reads the state of another layer" in verdict.detail, verdict


def test_a_contradiction_that_is_generated_is_silently_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A branch for one token that says something else, where nobody compares the branches."""
    monkeypatch.setattr(
        "rewrite_rules.normalize.tokens.tokens_in_one_path.refuse_other_computation", lambda *given: None
    )
    laboratory = Laboratory("lfm2")
    one = "hidden_states, conv_state, self.conv.weight.squeeze(1), self.conv.bias"
    assert laboratory.upstream.source.count(one) == 1
    changed = laboratory.upstream.source.replace(one, one.replace("squeeze(1)", "squeeze(1).flip(-1)"))
    verdict = laboratory.examine_state_trap(changed, 0)
    assert verdict.outcome is Outcome.SILENT and "generated, though" in verdict.detail, verdict


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("trap", TRAPS_FOR_STATES, ids=lambda trap: trap.__name__)
def test_a_trap_finds_its_places_in_every_kind_of_mixer(trap: Mutator, family: str) -> None:
    laboratory = Laboratory(family)
    text = Text(laboratory.upstream.source)
    functions = reached_functions(text.tree, laboratory.causal_lm)
    assert any(keeps_state(function) for _, function in functions)
    assert any(trap(text, function, random.Random(seed)) for _, function in functions for seed in range(8))
