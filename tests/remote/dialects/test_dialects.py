"""Older dialects are generated, each by the rule that knows it, and their generated code is that of the plain one."""

from __future__ import annotations

from pathlib import Path

import pytest

from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.upstream.find import find_model
from tests.remote.dialects.idioms import IDIOMS, PAIRS
from tests.remote.dialects.shale import write_shale

RULES = {
    "usable_length": "keys_not_counted",
    "legacy_cache": "no_legacy_cache",
    "pairs": "pairs_as_cache",
    "pairs_zipped": "pairs_as_cache",
    "mask_of_halves": "masks_by_halves",
    "pairs_and_halves": "no_least_score",
    "mask_by_method": "masks_by_builder",
    "attention_classes": "eager_implementation",
    "ranks": "one_rank",
    "loss": "no_loss",
    "checkpointing": "inference_only",
    "checkpointing_of_pairs": "pairs_as_cache",
    "cache_by_a_local_name": "cache_by_local_name",
    "length_of_a_layer": "cache_not_handed_back",
}


def generated(folder: Path, **pieces: str) -> GeneratedModel:
    return generate_model(find_model("shale", source=write_shale(folder, **pieces)))


def classes(model: GeneratedModel, *names: str) -> str:
    """The generated text of some classes, without empty lines."""
    parts = model.code.split("\n\n\n")
    kept = [part for part in parts if part.startswith(tuple(f"class {name}(" for name in names))]
    return "\n".join(line for part in kept for line in part.splitlines() if line.strip())


def test_every_idiom_has_a_rule() -> None:
    assert RULES.keys() == IDIOMS.keys()


@pytest.mark.parametrize("idiom", IDIOMS)
def test_an_idiom_is_generated(idiom: str, tmp_path: Path) -> None:
    model = generated(tmp_path, **IDIOMS[idiom])
    assert dict(model.rules)[RULES[idiom]] > 0
    for gone in ("get_usable_length", "_make_causal_mask", "flash", "split(", "labels", "checkpoint"):
        assert gone not in model.code.partition("class ")[2]


@pytest.mark.parametrize("idiom", sorted(IDIOMS.keys() - {"pairs", "pairs_zipped", "ranks", "cache_by_a_local_name"}))
def test_idioms_of_one_model_make_one_text(idiom: str, tmp_path: Path) -> None:
    """Whatever the dialect, the attention is the same, but for who knows the layer's number."""
    plain = classes(generated(tmp_path / "plain"), "QEffShaleAttention")
    other = classes(generated(tmp_path / "other", **IDIOMS[idiom]), "QEffShaleAttention")
    if "pairs" in idiom:
        other = other.replace(", layer_idx, cache_kwargs", ", self.layer_idx, cache_kwargs")
        other = other.replace("        layer_idx: int | None = None,\n", "")
    assert other == plain


def test_a_pair_that_is_cut_is_refused(tmp_path: Path) -> None:
    cut = PAIRS["UPDATE"].replace("past_key_value[0], key_states", "past_key_value[0][:, :, -8:], key_states")
    with pytest.raises(Refusal, match="updates a KV cache"):
        generated(tmp_path, **(PAIRS | {"UPDATE": cut}))


def test_a_mask_for_more_tokens_is_refused(tmp_path: Path) -> None:
    mask = """
        attention_mask = _prepare_4d_causal_attention_mask(
            attention_mask, (batch_size, seq_length + 1), inputs_embeds, past_key_values_length
        )
"""
    with pytest.raises(Refusal, match="another number of new tokens"):
        generated(tmp_path, MASK=mask)
