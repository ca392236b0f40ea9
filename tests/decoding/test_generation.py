"""The runtime against Hugging Face's own Llama: the same tokens, and the same logits at every step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qeff_codegen.decoding.continuous_batching import generate_continuously
from qeff_codegen.decoding.generation import Generation, generate
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.errors import UsageError
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from tests.runtime.toy_decoders import MakeDecoder
from tests.runtime.toy_llama import CTX_LEN, qeff_llama, random_prompts, upstream_generation, upstream_llama

# Logits of size 5 or so, in float32, summed up in a different order.
TOLERANCE = 2e-5


def assert_same_generation(found: Generation, expected: Generation) -> None:
    assert found.tokens == expected.tokens
    np.testing.assert_allclose(found.logits, expected.logits, rtol=0, atol=TOLERANCE)


def test_toy_logits_are_no_coin_toss(upstream: Any) -> None:
    logits = upstream_generation(upstream, random_prompts(5), max_new_tokens=8).logits
    top = np.sort(logits, axis=-1)
    assert (top[..., -1] - top[..., -2]).min() > 100 * TOLERANCE


@pytest.mark.parametrize("prefill_seq_len", [1, 8, CTX_LEN], ids=lambda n: f"chunks_of_{n}")
def test_prompts_of_different_lengths_to_the_end_of_the_context(
    make_decoder: MakeDecoder, upstream: Any, prefill_seq_len: int
) -> None:
    prompts = random_prompts(3, 8, 13, 20)
    decoder = make_decoder(len(prompts))
    found = generate(decoder.run, prompts, prefill_seq_len=prefill_seq_len, ctx_len=CTX_LEN)
    assert [len(tokens) for tokens in found.tokens] == [22, 17, 12, 5]
    assert_same_generation(found, upstream_generation(upstream, prompts))


def test_prompt_that_fills_the_context_with_a_padded_last_chunk(make_decoder: MakeDecoder, upstream: Any) -> None:
    prompts = random_prompts(CTX_LEN, 4)
    found = generate(make_decoder(2).run, prompts, prefill_seq_len=7, ctx_len=CTX_LEN, max_new_tokens=3)
    assert_same_generation(found, upstream_generation(upstream, prompts, max_new_tokens=3))


def test_reset_empties_the_cache(make_decoder: MakeDecoder) -> None:
    decoder = make_decoder(1)
    # Only a token that skips ahead shows what is in the slots before it.
    token, position = np.array([[7]]), np.array([[9]])
    in_empty_cache = decoder.run(token, position)
    generate(decoder.run, random_prompts(12), prefill_seq_len=4, ctx_len=CTX_LEN, max_new_tokens=1)
    assert not np.array_equal(decoder.run(token, position), in_empty_cache)
    decoder.reset()
    assert np.array_equal(decoder.run(token, position), in_empty_cache)


def test_context_length_is_free_in_an_exported_graph(make_decoder: MakeDecoder, upstream: Any) -> None:
    prompts = random_prompts(6)
    found = generate(make_decoder(1, ctx_len=11).run, prompts, prefill_seq_len=4, ctx_len=11)
    assert_same_generation(found, upstream_generation(upstream, prompts, ctx_len=11))


def test_window_smaller_than_the_context(tmp_path: Path) -> None:
    upstream = upstream_llama(sliding_window=5)
    prompts = random_prompts(3, 14)
    expected = upstream_generation(upstream, prompts, window=5)
    model = qeff_llama(upstream)
    onnx_path = export_onnx(model, tmp_path / "window.onnx", ExportSpec(CTX_LEN))
    for decoder in (TorchDecoder(model, 2, CTX_LEN), OrtDecoderSession(onnx_path, 2, CTX_LEN)):
        found = generate(decoder.run, prompts, prefill_seq_len=8, ctx_len=CTX_LEN)
        assert_same_generation(found, expected)


def test_continuous_batching_reuses_rows(make_decoder: MakeDecoder, upstream: Any) -> None:
    prompts = random_prompts(9, 3, 12, 5, 2)
    counts = [6, 1, 9, 4, 30]
    decoder = make_decoder(2, continuous_batching=True)
    prefilled_rows: list[int] = []
    busy_rows: list[int] = []

    def observed(input_ids: np.ndarray, position_ids: np.ndarray, batch_index: np.ndarray) -> np.ndarray:
        if len(batch_index) == 1 and position_ids[0, 0] == 0:
            prefilled_rows.append(int(batch_index[0, 0]))
        elif len(batch_index) == 2:
            busy_rows.append(int((position_ids >= 0).sum()))
        return decoder.run(input_ids, position_ids, batch_index)

    found = generate_continuously(
        observed, prompts, full_batch_size=2, prefill_seq_len=4, ctx_len=CTX_LEN, max_new_tokens=counts
    )
    assert prefilled_rows == [0, 1, 1, 0, 0]
    assert {1, 2} == set(busy_rows)
    expected = [upstream_generation(upstream, [p], max_new_tokens=n) for p, n in zip(prompts, counts, strict=True)]
    assert found.tokens == [one.tokens[0] for one in expected]
    for prompt, one in enumerate(expected):
        np.testing.assert_allclose(found.logits[: len(one.logits), prompt], one.logits[:, 0], rtol=0, atol=TOLERANCE)


def test_continuous_batching_with_every_row_in_the_wrong_place(make_decoder: MakeDecoder, upstream: Any) -> None:
    prompts = random_prompts(5, 11)
    decoder = make_decoder(3, continuous_batching=True)
    rows = np.array([[2], [0]])
    found = generate(
        lambda ids, positions: decoder.run(ids, positions, batch_index=rows),
        prompts,
        prefill_seq_len=8,
        ctx_len=CTX_LEN,
    )
    assert_same_generation(found, upstream_generation(upstream, prompts))


def test_compute_context_length(make_decoder: MakeDecoder, upstream: Any) -> None:
    prompts = random_prompts(3, 7)
    decoder = make_decoder(2, compute_context_length=True)

    def run_reading_no_more_than_needed(input_ids: np.ndarray, position_ids: np.ndarray) -> np.ndarray:
        return decoder.run(input_ids, position_ids, comp_ctx_lengths=np.zeros(position_ids.max() + 1, dtype=np.int64))

    found = generate(run_reading_no_more_than_needed, prompts, prefill_seq_len=4, ctx_len=CTX_LEN)
    assert_same_generation(found, upstream_generation(upstream, prompts))


def test_compute_context_length_with_continuous_batching(make_decoder: MakeDecoder, upstream: Any) -> None:
    prompts = random_prompts(7, 4)
    decoder = make_decoder(2, continuous_batching=True, compute_context_length=True)
    found = generate(
        lambda ids, positions: decoder.run(ids, positions, np.array([[1], [0]]), np.zeros(20, dtype=np.int64)),
        prompts,
        prefill_seq_len=4,
        ctx_len=CTX_LEN,
        max_new_tokens=10,
    )
    assert_same_generation(found, upstream_generation(upstream, prompts, max_new_tokens=10))


@pytest.mark.parametrize(
    ("prompts", "settings", "message"),
    [
        ([[1] * 9], {}, "prompt 0 has 9 tokens, more than ctx_len 8"),
        ([[1], []], {}, "prompt 1 has no tokens"),
        ([], {}, "there are no prompts"),
        ([[1]], {"prefill_seq_len": 9}, "ctx_len is 8, less than prefill_seq_len 9"),
        ([[1]], {"prefill_seq_len": 0}, "prefill_seq_len is 0"),
        ([[1]], {"max_new_tokens": 0}, "max_new_tokens is 0"),
    ],
)
def test_refuses_what_cannot_be_generated(prompts: list[list[int]], settings: dict[str, Any], message: str) -> None:
    def never_called(input_ids: np.ndarray, position_ids: np.ndarray) -> np.ndarray:
        raise AssertionError("the decoder must not run")

    with pytest.raises(UsageError, match=message):
        generate(never_called, prompts, **({"prefill_seq_len": 4, "ctx_len": 8} | settings))
