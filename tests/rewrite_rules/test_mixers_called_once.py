"""The check accepts a layer that calls its state mixer once, and refuses every way of calling it again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qeff_codegen.engine.rule import Broken
from qeff_codegen.engine.rule_set import checks
from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.upstream.find import find_model
from tests.rewrite_rules.test_states_kept_once import sound_mixer

CHECK = next(check for check in checks() if check.id == "mixers_called_once")
CALL = "hidden_states, past_key_values = self.mixer(hidden_states, past_key_values=past_key_values, **kwargs)"
LAYER = "hidden_states, past_key_values = decoder_layer("
AGAIN = "calls `self.mixer` after another call that keeps the layer's state"
WHILE_LISTED = "_ = [self.mixer(hidden_states, past_key_values=past_key_values) for _ in (0, 1)]"
IN_LOOP = "calls `self.mixer`, which keeps a state, in a loop"
BREAKS = [
    (CALL, f"{CALL}\n            {CALL}", AGAIN),
    (
        CALL,
        f"{CALL}\n            {CALL.replace('self.mixer', 'self.mixer.forward')}",
        "calls `self.mixer.forward` after",
    ),
    (CALL, f"for _ in (0, 1):\n                {CALL}", IN_LOOP),
    (
        CALL,
        f"{WHILE_LISTED}\n            {CALL}",
        IN_LOOP,
    ),
    (CALL, f"if self.twice:\n                {CALL}\n            {CALL}", AGAIN),
    (CALL, f"if self.twice:\n                {CALL}\n            if not self.twice:\n                {CALL}", AGAIN),
    (
        LAYER,
        f"hidden_states, past_key_values = decoder_layer(hidden_states)\n            {LAYER}",
        "calls `decoder_layer`",
    ),
    (LAYER, f"for _ in (0, 1):\n                {LAYER}", "calls `decoder_layer`, which keeps a state, in a loop"),
]
ACCEPTED = [
    f"if self.other:\n                {CALL}\n            else:\n                {CALL}",
    f"if self.n:\n                {CALL}\n                return hidden_states, past_key_values\n            {CALL}",
]


def test_accepts_a_layer_that_calls_its_mixer_once() -> None:
    assert CHECK.broken(sound_mixer()) == []


@pytest.mark.parametrize("calls", ACCEPTED)
def test_accepts_calls_that_exclude_each_other(calls: str) -> None:
    module = sound_mixer()
    assert CALL in module.code
    assert CHECK.broken(replace(module, code=module.code.replace(CALL, calls))) == []


@pytest.mark.parametrize(("old", "new", "message"), BREAKS)
def test_notices_a_call_again(old: str, new: str, message: str) -> None:
    module = sound_mixer()
    assert old in module.code
    code = module.code.replace(old, new)
    broken = CHECK.broken(replace(module, code=code))
    assert [item for item in broken if message in item.what], [item.what for item in broken]
    assert all("decoder_layer(" in line or "self.mixer" in line for line in _lines(code, broken))


def _lines(code: str, broken: list[Broken]) -> list[str]:
    lines = code.split("\n")
    return [lines[item.generated - 1] for item in broken if item.generated is not None]


def test_a_model_whose_layer_convolves_twice_is_refused_at_its_line() -> None:
    upstream = find_model("lfm2")
    call = """            hidden_states = self.conv(
                hidden_states=self.operator_norm(hidden_states),
                cache=cache,
                attention_mask=attention_mask,
                **kwargs,
            )
"""
    assert call in upstream.source
    source = upstream.source.replace(call, call + call)
    with pytest.raises(Refusal) as refused:
        generate_model(replace(upstream, source=source))
    assert refused.value.rule == CHECK.id
    location = refused.value.location
    assert location is not None
    first = source[: source.index(call)].count("\n") + 1
    assert location.line == first + call.count("\n")
