"""Speculative decoding's targets: one call gives the logits of several tokens, those that single calls give."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.export.kv_cache import allocate_kv_cache, kv_cache_shapes
from qeff_codegen.tiny_models.configurations import build_config, variants
from qeff_codegen.tiny_models.families import find_family
from qeff_codegen.tiny_models.models import build_tiny_model, random_tokens
from tests.sample import SAMPLE

GENERATED = Path(__file__).parents[2] / "generated"
CTX_LEN = 24
PROMPT = 8
# More tokens in the call than logits are asked for.
CHECKED = 5
NUM_LOGITS = 3


@pytest.mark.parametrize("name", SAMPLE)
def test_logits_of_several_tokens(name: str) -> None:
    family = find_family(name)
    model = build_tiny_model(family.causal_lm_class, build_config(family, variants(family)[0]), seed=0)
    model = load_transforms(name, GENERATED).apply(model)
    vocab = model.config.get_text_config().vocab_size
    tokens = torch.tensor([random_tokens(PROMPT + CHECKED, vocab, seed) for seed in (1, 2)])
    positions = torch.arange(PROMPT + CHECKED).repeat(2, 1)
    shapes = kv_cache_shapes(model)

    def call(first: int, last: int, cache, **arguments):  # type: ignore[no-untyped-def]
        with torch.no_grad():
            outputs = model(
                input_ids=tokens[:, first:last],
                position_ids=rows[:, first:last],
                past_key_values=cache,
                use_cache=True,
                **arguments,
            )
        return outputs.logits, list(outputs["cache" if "cache" in outputs else "past_key_values"])

    # The second row has only two tokens in the call that checks; its window starts with the first of them.
    rows = positions.clone()
    rows[1, PROMPT + 2 :] = -1
    _, prefilled = call(0, PROMPT, allocate_kv_cache(shapes, 2, CTX_LEN, torch.float32))
    several, _ = call(
        PROMPT, PROMPT + CHECKED, prefilled, num_logits_to_keep=torch.zeros(NUM_LOGITS, 1, dtype=torch.int64)
    )
    assert several.shape == (2, NUM_LOGITS, several.shape[-1])
    first = CHECKED - NUM_LOGITS
    cache = prefilled
    for step in range(CHECKED):
        one, cache = call(PROMPT + step, PROMPT + step + 1, cache)
        if step >= first:
            torch.testing.assert_close(several[0, step - first], one[0, 0], rtol=1e-4, atol=1e-4)
        if step < 2:
            torch.testing.assert_close(several[1, step], one[1, 0], rtol=1e-4, atol=1e-4)
