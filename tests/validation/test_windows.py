"""The scenarios of windows find what is wrong with them."""

from __future__ import annotations

import copy

import pytest
import torch

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.tiny_models.families import find_family
from qeff_codegen.validation.comparison import compare
from qeff_codegen.validation.decode_scenario import decode_greedily
from qeff_codegen.validation.subjects import Subject
from tests.runtime.broken_windows import BROKEN
from tests.runtime.tiny_generated import GENERATED
from tests.validation.conftest import subject_of

PLAIN, REUSED = "window < context", "window < context, rows reused"
# The scenarios that find each.
FOUND = {
    "a chunk reads what it has overwritten": {PLAIN, REUSED},
    "keys are masked by their slot": {PLAIN, REUSED},
    "a row begins with slots that nobody wrote": {PLAIN, REUSED},
    "rows are taken to be at one position": {PLAIN, REUSED},
    "pads are written": {PLAIN, REUSED},
    "idle rows are written": {PLAIN},
    "other rows are written": {REUSED},
    "the earlier of two tokens keeps a slot": {PLAIN, REUSED},
}
CASES = (("gemma3_text", "window, sliding+full"), ("llama4_text", "window, chunked+full"))


@pytest.fixture(scope="module", params=CASES, ids=[name for name, _ in CASES])
def subject(request: pytest.FixtureRequest) -> Subject:
    name, variant = request.param
    return subject_of(find_family(name), variant)


def differing(subject: Subject) -> set[str]:
    """The scenarios in which the generated model gives other answers than upstream's."""
    model = load_transforms(subject.model_name, GENERATED).apply(copy.deepcopy(subject.model))
    found = set()
    for scenario, reference in zip(subject.scenarios, subject.references, strict=True):
        decoder = TorchDecoder(model, scenario.cache_rows, scenario.ctx_len)
        if compare(reference, decode_greedily(decoder, scenario)).divergence is not None:
            found.add(scenario.name)
    return found


def test_windows_are_equal(subject: Subject) -> None:
    assert [scenario.name for scenario in subject.scenarios] == [PLAIN, REUSED]
    assert differing(subject) == set()


@pytest.mark.parametrize("name", BROKEN)
def test_each_part_is_missed(subject: Subject, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BROKEN[name](monkeypatch)
    # A pad takes the last slot. That is a chunk's last position, which no later token sees.
    is_harmless = name == "pads are written" and subject.model_name == "llama4_text"
    assert differing(subject) == (set() if is_harmless else FOUND[name])


def test_a_chunk_that_is_a_sliding_window_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = subject_of(find_family("llama4_text"), CASES[1][1])
    # The window is that of a chunk, and the first position that is seen that of a sliding window.
    monkeypatch.setattr(torch, "div", lambda positions, length, rounding_mode: (positions - length + 1) / length)
    assert differing(subject) == {PLAIN, REUSED}
