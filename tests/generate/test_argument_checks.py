"""Upstream's checks on what it is given: gone where ours passes them in another form, else the model is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.upstream.find import find_model

MADE = "        if use_cache and cache is None:\n            cache = DynamicCache(config=self.config)\n"
SHAPED = "        input_shape = hidden_states.shape[:-1]\n        hidden_shape = (*input_shape, -1, self.head_dim)\n"
CALLED = "        outputs: BaseModelOutputWithPast = self.model("
GIVEN = """\
        if (input_ids is None) ^ (inputs_embeds is not None):
            raise ValueError("Give either input_ids or inputs_embeds, not both")
"""
RAISE = ":\n            raise ValueError()\n"

# A check, and where it stands; the code that comes out is Blueprint's own.
DROPPED = {
    "a cache or none": (MADE, f"        if not isinstance(cache, (type(None), Cache)){RAISE}"),
    "a cache, where one is used": (MADE, f"        if use_cache and not isinstance(cache, Cache){RAISE}"),
    "a cache, where one is given": (MADE, f"        if cache is not None and not isinstance(cache, Cache){RAISE}"),
    "a cache of either class": (MADE, f"        if not (cache is None or isinstance(cache, Cache | tuple)){RAISE}"),
    "a growing cache": (MADE, f"        if not isinstance(cache, (Cache, DynamicCache)){RAISE}"),
    "no tuples": (MADE, f"        if isinstance(cache, (list, tuple)){RAISE}"),
    "a cache, asserted": (MADE, '        assert cache is None or isinstance(cache, Cache), f"{type(cache)}"\n'),
    "a cache, checked by torch": (MADE, "        torch._check(isinstance(cache, Cache | None))\n"),
    "a cache in the causal LM": (CALLED, f"        if cache is not None and not isinstance(cache, Cache){RAISE}"),
    "a growing cache in the attention": (SHAPED, f"        if not isinstance(cache, DynamicCache){RAISE}"),
    "one entry of the mask a token": (
        MADE,
        f"        if attention_mask is not None and attention_mask.dim() != 2{RAISE}",
    ),
    "a mask for every token": (
        MADE,
        f"        if attention_mask is not None and attention_mask.shape != input_ids.shape{RAISE}",
    ),
    "a mask with heads": (SHAPED, f"        if attention_mask is not None and attention_mask.dim() != 4{RAISE}"),
    "a mask that is added": (SHAPED, f"        if attention_mask.dtype != hidden_states.dtype{RAISE}"),
    "a mask of numbers": (SHAPED, "        assert torch.is_floating_point(attention_mask)\n"),
}

# A check, where it stands, and what the message shows.
REFUSED = {
    "a cache of a class of its own": (MADE, f"        if not isinstance(cache, BlueprintModel){RAISE}"),
    "no cache of the usual class": (MADE, f"        if isinstance(cache, Cache){RAISE}"),
    "the very class": (MADE, f"        if type(cache) is not DynamicCache{RAISE}"),
    "what it can do": (MADE, f'        if not hasattr(cache, "crop"){RAISE}'),
    "a class by its name": (MADE, f'        if type(cache).__name__ != "DynamicCache"{RAISE}'),
    "how many layers it has": (MADE, f"        if cache is not None and len(cache) != len(self.layers){RAISE}"),
    "a cache among branches": (
        MADE,
        "        if isinstance(cache, Cache):\n            use_cache = True\n        else" + RAISE,
    ),
    "no cache": (MADE, f"        if cache is not None{RAISE}"),
    "one axis of positions": (MADE, f"        if position_ids.ndim != 1{RAISE}"),
    "short positions": (MADE, f"        if position_ids.dtype != torch.int32{RAISE}"),
    "positions that are asserted": (MADE, "        assert position_ids.shape[0] == 1\n"),
    "positions that torch checks": (MADE, "        torch._check(position_ids.dim() == 1)\n"),
    "embeddings that must be given": (CALLED, f"        if inputs_embeds is None{RAISE}"),
    "a mask that must be given": (MADE, f"        if attention_mask is None{RAISE}"),
    "a mask that must be given, asserted": (CALLED, "        assert attention_mask is not None\n"),
    "labels that must be given": (CALLED, f"        if labels is None{RAISE}"),
}


def code(old: str, new: str) -> str:
    upstream = find_model("blueprint")
    assert old in upstream.source
    return generate_model(replace(upstream, source=upstream.source.replace(old, new, 1))).code


@pytest.mark.parametrize("name", DROPPED)
def test_a_check_that_ours_passes_in_another_form_is_dropped(name: str) -> None:
    before, check = DROPPED[name]
    assert "raise ValueError()" not in code(before, check + before)


@pytest.mark.parametrize("name", REFUSED)
def test_a_check_that_our_calls_may_fail_is_refused(name: str) -> None:
    before, check = REFUSED[name]
    with pytest.raises(Refusal) as refused:
        code(before, check + before)
    assert refused.value.location is not None
    assert refused.value.location.excerpt in check


def test_checks_that_our_calls_pass_may_stay() -> None:
    two = f"        if input_ids is None and inputs_embeds is None{RAISE}"
    assert "raise ValueError" in code(GIVEN, GIVEN)
    assert code(GIVEN, two)
    assert "past_key_values is None" in code(SHAPED, f"        if cache is None{RAISE}{SHAPED}")


def test_a_check_that_tokens_fail_is_refused() -> None:
    with pytest.raises(Refusal, match="raises whatever it is given"):
        code("        if (input_ids is None) ^ (inputs_embeds is not None):\n", "        if input_ids is not None:\n")
