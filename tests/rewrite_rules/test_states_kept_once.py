"""The check of states accepts a sound state mixer, and each way of breaking its promise makes it fail."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule_set import checks
from qeff_codegen.targets.embedded import EMBEDDED
from tests.rewrite_rules.example_runner import HERE
from tests.rewrite_rules.test_checks import generated

CHECK = next(check for check in checks() if check.id == "states_kept_once")
READ = "recurrent_state = past_key_values.get_recurrent_state(self.layer_idx, cache_kwargs)"
KEPT = "past_key_values.update_recurrent_state(final_state, self.layer_idx, cache_kwargs)"
COLUMNS = """hidden_states = past_key_values.update_conv_state(
            hidden_states, self.layer_idx, cache_kwargs, conv_kernel_size=self.conv_kernel_size
        )"""
BREAKS = [
    (KEPT, "", "does not write the state that it reads"),
    (KEPT, f"{KEPT}\n        {KEPT}", "calls `update_recurrent_state` 2 times"),
    (KEPT, f"if self.keeps:\n            {KEPT}", "calls `update_recurrent_state` under a condition"),
    (KEPT, KEPT.replace("final_state", "recurrent_state"), "writes another state than the one that it computed"),
    (KEPT, KEPT.replace("self.layer_idx", "0"), "for another layer's state"),
    (READ, f"{KEPT}\n        {READ}", "reads its state after it was written"),
    (READ, "recurrent_state = None", "does not let `mamba_scan` go on from the state that it read"),
    (READ, READ.replace("cache_kwargs", "kwargs"), "does not tell `get_recurrent_state` position_ids"),
    ('"position_ids": position_ids, ', "", "does not tell `get_recurrent_state` position_ids"),
    ('"batch_index": batch_index', '"batch_index": None', "does not tell `get_recurrent_state` position_ids"),
    (
        COLUMNS,
        "for _ in (0, 1):\n            " + COLUMNS.replace("\n", "\n    "),
        "calls `update_conv_state` under a condition, or in a loop",
    ),
    (COLUMNS, f"{COLUMNS}\n        {COLUMNS}", "calls `update_conv_state` 2 times"),
    ("position_ids=position_ids,\n        )", ")", "does not tell `mamba_scan` which tokens are pads"),
    ("mamba_scan(", "my_scan(", "writes another state than the one that it computed"),
    ("mamba_scan(", "mamba_selective_scan(", "computes by upstream's `mamba_selective_scan`"),
    (
        "return output",
        "output = output if hidden_states.shape[1] > 1 else 2 * output\n        return output",
        "decides",
    ),
]


@cache
def sound_mixer() -> FinishedModule:
    return generated((HERE / "calls_of_any_length" / "scan" / "before.py").read_text(), EMBEDDED)


def test_accepts_a_sound_mixer() -> None:
    assert CHECK.broken(sound_mixer()) == []


@pytest.mark.parametrize(("old", "new", "message"), BREAKS)
def test_notices_a_broken_promise(old: str, new: str, message: str) -> None:
    module = sound_mixer()
    assert old in module.code
    broken = CHECK.broken(replace(module, code=module.code.replace(old, new, 1)))
    assert any(message in item.what for item in broken), [item.what for item in broken]
    assert all(item.generated is not None or item.line is not None for item in broken)
