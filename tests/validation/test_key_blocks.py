"""Attention over blocks of keys is equal to upstream's: ragged, chunked, continuous, to the end, and with a window."""

from __future__ import annotations

from pathlib import Path

import pytest

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.tiny_models.configurations import variants
from qeff_codegen.tiny_models.families import find_family
from qeff_codegen.validation.own_bench import OwnRuntime
from qeff_codegen.validation.results import ScenarioFinished
from qeff_codegen.validation.stages import run_stages
from qeff_codegen.validation.subjects import tiny_subject

GENERATED = Path(__file__).parents[2] / "generated"


@pytest.mark.parametrize(("name", "kind"), [("gpt2", "base"), ("gemma3_text", "window"), ("deepseek_v3", "base")])
def test_blocks_give_what_all_keys_give(name: str, kind: str) -> None:
    family = find_family(name)
    subject = tiny_subject(family, next(variant for variant in variants(family) if variant.kind == kind))
    # Not a divisor of any context, so blocks differ in length; some hold nothing that a query may attend to.
    subject.model.config.num_kv_blocks = 5
    finished = [
        event
        for event in run_stages(subject, OwnRuntime(load_transforms(name, GENERATED)))
        if isinstance(event, ScenarioFinished)
    ]
    assert finished and all(event.result.passed for event in finished), [event.result.stages for event in finished]
