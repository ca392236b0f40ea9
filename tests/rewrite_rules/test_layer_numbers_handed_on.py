"""The check of layers' numbers accepts one that is handed on, and notices one that is changed or lost."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule_set import checks
from qeff_codegen.targets.embedded import EMBEDDED
from tests.rewrite_rules.example_runner import HERE, SKELETON
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


MIXERS = (HERE / "no_states_set_up" / "zeros" / "before.py").read_text().partition("class TinyModel")[0]
LOOP = "for decoder_layer in self.layers:\n            hidden_states = decoder_layer("
COUNTED = LOOP.replace("for decoder_layer in self.layers", "for i, decoder_layer in enumerate(self.layers)")
MIXER_BREAKS = [
    ("layer_idx=i", "layer_idx=i + 1", "`TinyModel` calls `decoder_layer` without `layer_idx`"),
    ("layer_idx=i", "number=i", "`TinyModel` calls `decoder_layer` without `layer_idx`"),
    ("in enumerate(self.layers)", "in enumerate(self.layers, 1)", "`TinyModel` calls `decoder_layer` without"),
    ("hidden_states = inputs_embeds", "hidden_states, i = inputs_embeds, 0", "changes the number of the layer: `i`"),
    ("mixed, past", "layer_idx, past", "`TinyDecoderLayer` changes the number of the layer: `layer_idx`"),
    ("layer_idx=layer_idx", "layer_idx=0", "`TinyMixer` calls `self.scan` without `layer_idx`"),
    ("batch_size, seq_len, _ = states", "batch_size, seq_len, layer_idx = states", "changes the number of the layer"),
]


@cache
def with_mixers() -> FinishedModule:
    """Of layers whose states are kept by modules on themselves upstream, which so have no numbers of their own."""
    model = "class TinyModel" + SKELETON.read_text().split("class TinyModel")[1].split("class TinyForCausalLM")[0]
    assert LOOP in model
    counted = model.replace(LOOP, COUNTED).replace(
        "attention_mask=causal_mask,", "position_ids=position_ids,\n" + 16 * " " + "attention_mask=causal_mask,"
    )
    return generated(MIXERS + counted, EMBEDDED)


def test_accepts_a_number_that_reaches_state_mixers() -> None:
    assert CHECK.broken(with_mixers()) == []


@pytest.mark.parametrize(("old", "new", "message"), MIXER_BREAKS)
def test_notices_a_number_that_does_not_reach_state_mixers(old: str, new: str, message: str) -> None:
    module = with_mixers()
    assert old in module.code
    broken = CHECK.broken(replace(module, code=module.code.replace(old, new, 1)))
    assert any(message in item.what for item in broken), [item.what for item in broken]
