"""Traps along tokens: where no check refuses them comparison finds them, and each finds its places in every part."""

from __future__ import annotations

import random
from contextlib import nullcontext

import pytest

from tests.mutants.batch import prepare_process
from tests.mutants.branch_traps import BRANCH_TRAPS
from tests.mutants.count_traps import COUNT_TRAPS
from tests.mutants.edits import FunctionNode, Text, reached_functions
from tests.mutants.laboratory import Laboratory
from tests.mutants.mixing_traps import MIXING_TRAPS
from tests.mutants.mutants import TOKEN_TRAPS, Mutator
from tests.mutants.place_traps import PLACE_TRAPS
from tests.mutants.verdict import Outcome

KINDS = {"place": PLACE_TRAPS, "count": COUNT_TRAPS, "branch": BRANCH_TRAPS, "mixing": MIXING_TRAPS}
LAYER = "LlamaDecoderLayer.forward"


@pytest.fixture(autouse=True)
def quiet() -> None:
    prepare_process()


@pytest.fixture(scope="module")
def laboratory() -> Laboratory:
    return Laboratory("llama")


def function_of(text: Text, laboratory: Laboratory, name: str) -> FunctionNode:
    return dict(reached_functions(text.tree, laboratory.causal_lm))[name]


def trapped(laboratory: Laboratory, trap: Mutator, seed: int) -> str:
    """Llama's text with a trap in its decoder layer."""
    text = Text(laboratory.upstream.source)
    return text.edited(trap(text, function_of(text, laboratory, LAYER), random.Random(seed)))


@pytest.mark.parametrize("kind", KINDS)
def test_what_no_check_refuses_is_found_silently_wrong(
    kind: str, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qeff_codegen.engine.rule_set.checks", tuple)
    verdicts = [laboratory.examine_trap(trapped(laboratory, KINDS[kind][0], seed), seed) for seed in range(3)]
    assert any(verdict.outcome is Outcome.SILENT for verdict in verdicts), verdicts


def test_a_branch_on_the_length_is_seen_by_the_graph_alone(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qeff_codegen.engine.rule_set.checks", tuple)
    residual = "hidden_states = residual + hidden_states"
    branch = f"if residual.shape[1] == 1:\n            residual = 2 * residual\n        {residual}"
    trapped = laboratory.upstream.source.replace(residual, branch, 1)
    verdict = laboratory.examine_trap(trapped, 0)
    assert verdict.outcome is Outcome.REFUSED and "depends on the sizes of the traced example" in verdict.detail
    monkeypatch.setattr("qeff_codegen.export.export.no_frozen_numbers", lambda *_: nullcontext())
    verdict = laboratory.examine_trap(trapped, 0)
    assert verdict.outcome is Outcome.SILENT and "ONNX Runtime" in verdict.detail, verdict


@pytest.mark.parametrize("trap", TOKEN_TRAPS, ids=lambda trap: trap.__name__)
def test_a_trap_finds_its_places_in_every_part(trap: Mutator, laboratory: Laboratory) -> None:
    text = Text(laboratory.upstream.source)
    parts = ("LlamaAttention", "LlamaDecoderLayer", "LlamaModel", "LlamaRMSNorm", "LlamaMLP")
    for name in (*(f"{part}.forward" for part in parts), "eager_attention_forward"):
        assert trap(text, function_of(text, laboratory, name), random.Random(0)), name
    assert not trap(text, function_of(text, laboratory, "LlamaRotaryEmbedding.forward"), random.Random(0))
