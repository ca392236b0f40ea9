"""A sample of the checked-in models is equal to upstream: of each model, one variant of each kind.

All of them in all variants are what `python -m qeff_codegen sweep` proves.
"""

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
from tests.sample import SAMPLE

GENERATED = Path(__file__).parents[2] / "generated"


@pytest.mark.parametrize("name", SAMPLE)
def test_the_model_is_equal_to_upstream_s(name: str) -> None:
    family = find_family(name)
    # The last of each kind: for RoPE that is LongRoPE, the one with two tables.
    chosen = {variant.kind: variant for variant in variants(family)}
    results = {
        f"{variant.name}, {event.row.scenario}": event.result
        for variant in chosen.values()
        for event in run_stages(tiny_subject(family, variant), OwnRuntime(load_transforms(name, GENERATED)))
        if isinstance(event, ScenarioFinished)
    }
    assert len(results) >= 5
    assert {row: result.stages for row, result in results.items() if not result.passed} == {}
    assert {note for result in results.values() for note in result.notes if "LongRoPE" not in note} == set()
