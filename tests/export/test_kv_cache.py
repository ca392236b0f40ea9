from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import AutoConfig

from qeff_codegen.errors import UsageError
from qeff_codegen.export.graph_io import KVShape
from qeff_codegen.export.kv_cache import allocate_kv_cache, cache_of, check_ctx_len, kv_cache_shapes
from qeff_codegen.runtime.constants import ROTARY_POSITIONS
from tests.runtime.toy_llama import qeff_llama, upstream_llama


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ({}, (2, 16)),
        ({"num_key_value_heads": 4}, (4, 16)),
        ({"head_dim": 24}, (2, 24)),
    ],
    ids=["grouped", "ungrouped", "own_head_dim"],
)
def test_shapes_are_what_the_model_caches(settings: dict[str, Any], shape: tuple[int, int]) -> None:
    shapes = kv_cache_shapes(qeff_llama(upstream_llama(num_hidden_layers=3, **settings)))
    assert shapes == [(KVShape("past_key", *shape), KVShape("past_value", *shape))] * 3


def test_keys_and_values_may_differ() -> None:
    shapes = [
        (KVShape("past_key", 2, 16), KVShape("past_value", 2, 8)),
        (KVShape("past_key", 1, 4), KVShape("past_value", 1, 4)),
    ]
    cache = allocate_kv_cache(shapes, batch_size=3, ctx_len=5, dtype=torch.float16)
    assert [tuple(tensor.shape) for tensor in cache[0]] == [(3, 2, 5, 16), (3, 2, 5, 8)]
    assert cache[1][1].shape == (3, 1, 5, 4)
    assert cache[1][1].dtype == torch.float16 and not cache[1][1].any()


def numbered(*numbers: int) -> Any:
    model = qeff_llama(upstream_llama(num_hidden_layers=len(numbers)))
    for layer, number in zip(model.model.layers, numbers, strict=True):  # type: ignore[union-attr,arg-type]
        layer.self_attn.layer_idx = number
    return model


@pytest.mark.parametrize(("numbers", "layer", "due"), [((1, 2), 1, 0), ((0, 1, 1), 1, 2), ((2, 0), 2, 1)])
def test_no_layer_is_left_out_or_written_twice(numbers: tuple[int, ...], layer: int, due: int) -> None:
    with pytest.raises(ValueError, match=f"updates layer {layer} of the KV cache where layer {due} is due"):
        kv_cache_shapes(numbered(*numbers))


def test_layers_that_run_again_may_come_before_others() -> None:
    assert kv_cache_shapes(numbered(0, 2, 1)) == kv_cache_shapes(numbered(0, 1, 2))


def test_ctx_len_is_limited_by_the_positions_the_model_knows() -> None:
    check_ctx_len(AutoConfig.for_model("llama", max_position_embeddings=64), 64)
    with pytest.raises(UsageError, match=r"ctx_len is 65, but this llama model knows 64 positions .* at most 64"):
        check_ctx_len(AutoConfig.for_model("llama", max_position_embeddings=64), 65)
    with pytest.raises(UsageError, match="this gpt2 model knows 32 positions"):
        check_ctx_len(AutoConfig.for_model("gpt2", n_positions=32), 33)
    with pytest.raises(UsageError, match="ctx_len is 0"):
        check_ctx_len(AutoConfig.for_model("llama"), 0)


def test_a_model_without_position_tables_has_no_limit() -> None:
    check_ctx_len(AutoConfig.for_model("bloom"), 10**9)


def test_rotary_tables_end_somewhere_though_the_configuration_says_nothing() -> None:
    config = AutoConfig.for_model("recurrent_gemma")
    check_ctx_len(config, ROTARY_POSITIONS)
    with pytest.raises(UsageError, match=f"have {ROTARY_POSITIONS} positions.*set max_position_embeddings"):
        check_ctx_len(config, ROTARY_POSITIONS + 1)
    config.max_position_embeddings = 2 * ROTARY_POSITIONS
    check_ctx_len(config, ROTARY_POSITIONS + 1)


@pytest.mark.parametrize("field", ["cache", "past_key_values", "cache_params"])
def test_the_cache_of_an_output_has_one_of_three_names(field: str) -> None:
    assert cache_of({"logits": 0, field: [1]}) == [1]
