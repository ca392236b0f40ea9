"""Options that make no sense are refused by name, before anything is loaded."""

from __future__ import annotations

from typing import Any

import pytest

from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.errors import UsageError


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"ctx_len": 16, "prefill_seq_len": 32}, ("ctx_len is 16", "prefill_seq_len 32")),
        ({"batch_size": 0}, ("batch_size is 0",)),
        ({"num_cores": -1}, ("num_cores is -1",)),
        ({"full_batch_size": 0}, ("full_batch_size is 0",)),
        ({"batch_size": 2, "full_batch_size": 4}, ("batch_size is 2", "full_batch_size 4")),
        (
            {"comp_ctx_lengths_prefill": (64, 256), "comp_ctx_lengths_decode": (64,)},
            ("comp_ctx_lengths_prefill has 256", "ctx_len, 128"),
        ),
        (
            {"comp_ctx_lengths_prefill": (64,), "comp_ctx_lengths_decode": (96, 64)},
            ("comp_ctx_lengths_decode is 96, 64", "the shortest first"),
        ),
        ({"comp_ctx_lengths_decode": (64,)}, ("comp_ctx_lengths_prefill is not",)),
        ({"num_speculative_tokens": 0}, ("num_speculative_tokens is 0",)),
        ({"num_speculative_tokens": 32}, ("num_speculative_tokens is 32 and prefill_seq_len 32",)),
        (
            {"num_speculative_tokens": 3, "comp_ctx_lengths_prefill": (64,), "comp_ctx_lengths_decode": (64,)},
            ("num_speculative_tokens and comp_ctx_lengths",),
        ),
        ({"compiler_options": {"mxfp6": True}}, ("mxfp6", "give mxfp6_matmul")),
        ({"compiler_options": {"sub_functions": True}}, ("sub_functions", "give use_onnx_subfunctions")),
        ({"compiler_options": {"aic-num-cores": 2}}, ("`aic-num-cores` is no option",)),
    ],
)
def test_refused_by_name(options: dict[str, Any], named: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        CompileOptions(**options)
    for words in named:
        assert words in str(caught.value)


def test_sizes_that_meet_are_accepted() -> None:
    options = CompileOptions(ctx_len=32, prefill_seq_len=32, full_batch_size=1)
    assert options.continuous_batching
