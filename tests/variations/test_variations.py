"""Every variation is refused at the line that was changed, or generated and equal to upstream's own, never wrong."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch

from tests.variations.bench import Runs, examine, original
from tests.variations.judge import complaint
from tests.variations.kinds import KINDS, runs_of
from tests.variations.variation import Variation

ALL = [(kind, variation) for kind, variations in KINDS.items() for variation in variations]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    torch.set_num_threads(1)


def test_every_variation_has_a_name_of_its_own() -> None:
    names = [variation.name for _, variation in ALL]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize(("kind", "variation"), ALL, ids=[f"{kind}: {variation.name}" for kind, variation in ALL])
def test_nothing_is_silently_wrong(kind: str, variation: Variation) -> None:
    source = original().source
    assert not complaint(variation, examine(variation.of(source), runs_of(kind)), source)


def test_the_bench_notices_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    source = original().source
    assert examine(source, Runs.WITH_GRAPH).equal
    monkeypatch.setattr("qeff_codegen.engine.rule_set.checks", tuple)
    residual = "        hidden_states = residual + hidden_states\n        return hidden_states\n"
    assert residual in source
    mixing = source.replace(residual, residual.replace("residual + ", "residual.mean(1, keepdim=True) + "))
    assert "PyTorch: prompt 0" in examine(mixing, Runs.WITH_GRAPH).difference
    deciding = source.replace(
        residual, f"        if residual.shape[1] == 1:\n            residual = 2 * residual\n{residual}"
    )
    monkeypatch.setattr("qeff_codegen.export.export.no_frozen_numbers", lambda *_: nullcontext())
    assert examine(deciding, Runs.WITH_GRAPH).difference.startswith("base, ONNX Runtime: prompt 0, step 1")
