from __future__ import annotations

import pytest
import torch
from transformers import AutoConfig, PreTrainedConfig

from qeff_codegen.errors import UsageError
from qeff_codegen.runtime.kv_cache import KVShape, allocate_kv_cache, check_ctx_len, kv_cache_shapes


@pytest.mark.parametrize(
    ("config", "shape"),
    [
        (
            AutoConfig.for_model(
                "llama", num_hidden_layers=3, hidden_size=64, num_attention_heads=4, num_key_value_heads=2
            ),
            KVShape(2, 16),
        ),
        (AutoConfig.for_model("llama", num_hidden_layers=3, hidden_size=64, num_attention_heads=4), KVShape(4, 16)),
        (
            AutoConfig.for_model("qwen3", num_hidden_layers=3, hidden_size=64, num_key_value_heads=2, head_dim=24),
            KVShape(2, 24),
        ),
        (AutoConfig.for_model("gpt2", n_layer=3, n_embd=64, n_head=4), KVShape(4, 16)),
    ],
    ids=["grouped", "ungrouped", "own_head_dim", "renamed_attributes"],
)
def test_shapes_from_the_configuration(config: PreTrainedConfig, shape: KVShape) -> None:
    assert kv_cache_shapes(config) == [shape] * 3
    cache = allocate_kv_cache(config, batch_size=2, ctx_len=5, dtype=torch.float16)
    assert [tuple(tensor.shape) for tensor in cache[0]] == [(2, shape.num_heads, 5, shape.head_dim)] * 2
    assert cache[2][1].dtype == torch.float16 and not cache[2][1].any()


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
