"""The checks accept a sound indexer, and each way of breaking what it promises makes one of them fail."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule_set import checks
from qeff_codegen.targets.embedded import EMBEDDED
from tests.rewrite_rules.example_runner import HERE
from tests.rewrite_rules.test_checks import generated

KEPT = "k = past_key_values.update_indexer(k, self.layer_idx, cache_kwargs)"
CHOSEN = "all_but_largest(index_scores, attention_mask, self.index_topk)"
TAKEN = "attention_mask = topk_indices.unsqueeze(1)"
BREAKS = [
    ("cache_reached_once", KEPT, "pass", "`TinyIndexer` updates the cache 0 times"),
    ("cache_reached_once", KEPT, KEPT.replace("self.layer_idx", "0"), "`TinyIndexer` updates the cache 0 times"),
    ("cache_reached_once", KEPT, KEPT.replace("cache_kwargs", "{}"), "does not tell the cache position_ids"),
    ("cache_reached_once", KEPT, f"{KEPT}\n            {KEPT}", "`TinyIndexer` updates the cache 2 times"),
    ("cache_returned", f"return {CHOSEN}, past_key_values", f"return {CHOSEN}", ""),
    (
        "mask_unchanged",
        CHOSEN,
        CHOSEN.replace("attention_mask", "~attention_mask"),
        "computes with the attention mask",
    ),
    (
        "tokens_apart",
        CHOSEN,
        CHOSEN.replace("attention_mask", "index_scores > 0"),
        "keys are chosen by something else",
    ),
    ("tokens_apart", CHOSEN, CHOSEN.replace("self.index_topk", "index_scores.shape[-1]"), ""),
    ("tokens_apart", TAKEN, "attention_mask = (topk_indices * 1).unsqueeze(1)", ""),
    ("tokens_apart", CHOSEN, "index_scores.topk(2, dim=-1)[1]", ""),
]
CHECKS = {check.id: check for check in checks()}


@cache
def sound_module() -> FinishedModule:
    before = (HERE / "mask_of_largest_scores" / "chosen_and_forbidden" / "before.py").read_text()
    return generated(before, EMBEDDED)


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_accepts_a_sound_module(name: str) -> None:
    assert CHECKS[name].broken(sound_module()) == []


@pytest.mark.parametrize(("name", "old", "new", "message"), BREAKS)
def test_notices_a_broken_promise(name: str, old: str, new: str, message: str) -> None:
    module = sound_module()
    assert old in module.code
    broken = CHECKS[name].broken(replace(module, code=module.code.replace(old, new, 1)))
    assert any(message in item.what for item in broken), broken
