"""The check of layers' numbers accepts one that is handed on, and notices one that is changed or lost."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule_set import checks
from qeff_codegen.targets.embedded import EMBEDDED
from tests.rewrite_rules.example_runner import HERE
from tests.rewrite_rules.test_checks import generated

CHECK = next(check for check in checks() if check.id == "layer_numbers_handed_on")
BREAKS = [
    ("layer_idx=layer_idx", "layer_idx=layer_idx + 1", "calls `self.self_attn` without `layer_idx`"),
    ("residual = hidden_states", "residual, layer_idx = hidden_states, 0", "changes the number of the layer"),
    ("in enumerate(self.layers)", "in enumerate(self.layers, 1)", "changes the number of the layer"),
]


@cache
def sound_module() -> FinishedModule:
    return generated(
        (HERE / "cache_update_by_position" / "numbered_by_its_caller" / "before.py").read_text(), EMBEDDED
    )


def test_accepts_a_number_that_is_handed_on() -> None:
    assert CHECK.broken(sound_module()) == []


@pytest.mark.parametrize(("old", "new", "message"), BREAKS)
def test_notices_a_broken_promise(old: str, new: str, message: str) -> None:
    module = sound_module()
    assert old in module.code
    broken = CHECK.broken(replace(module, code=module.code.replace(old, new, 1)))
    assert any(message in item.what for item in broken), [item.what for item in broken]
