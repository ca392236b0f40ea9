"""Decoders whose layers keep states: every way to come to a token gives what the whole text gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from qeff_codegen.decoding.continuous_batching import generate_continuously
from qeff_codegen.decoding.generation import Generation, generate
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.errors import UsageError
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.runtime.states import gated_delta_rule
from qeff_codegen.runtime.states.rows import CallRows
from qeff_codegen.validation.split_calls import SplitCalls
from tests.runtime import toy_hybrid as toy
from tests.runtime.toy_hybrid import toy_hybrid, whole_generation
from tests.runtime.toy_llama import random_prompts

CTX_LEN = 24
MakeDecoder = Callable[..., Any]


@pytest.fixture(scope="module")
def model() -> Any:
    return toy_hybrid()


@pytest.fixture(scope="module")
def graphs(model: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """The graph without and with continuous batching."""
    folder = tmp_path_factory.mktemp("onnx")
    return {
        continuous: export_onnx(
            model, folder / f"{continuous}.onnx", ExportSpec(CTX_LEN, continuous_batching=continuous)
        )
        for continuous in (False, True)
    }


@pytest.fixture(params=["torch", "onnxruntime"])
def make_decoder(request: pytest.FixtureRequest, model: Any, graphs: dict[bool, Path]) -> MakeDecoder:
    def make(rows: int, continuous: bool = False) -> Any:
        if request.param == "torch":
            return TorchDecoder(model, rows, CTX_LEN)
        return OrtDecoderSession(graphs[continuous], rows, CTX_LEN)

    return make


def assert_same(found: Generation, expected: Generation) -> None:
    assert found.tokens == expected.tokens
    np.testing.assert_allclose(found.logits, expected.logits, atol=1e-4 * np.nanstd(expected.logits))


@pytest.mark.parametrize("prefill_seq_len", [1, 3, 8, CTX_LEN])
def test_ragged_prompts_to_the_end_of_the_context(model: Any, make_decoder: MakeDecoder, prefill_seq_len: int) -> None:
    prompts = random_prompts(10, 1, CTX_LEN, 3)
    found = generate(make_decoder(4).run, prompts, prefill_seq_len=prefill_seq_len, ctx_len=CTX_LEN)
    assert_same(found, whole_generation(model, prompts, [len(tokens) for tokens in found.tokens]))


def test_a_prompt_that_fills_the_context_has_its_pads_in_front(model: Any, make_decoder: MakeDecoder) -> None:
    prompts = random_prompts(CTX_LEN, 5)
    found = generate(make_decoder(2).run, prompts, prefill_seq_len=7, ctx_len=CTX_LEN, max_new_tokens=3)
    assert_same(found, whole_generation(model, prompts, [1, 3]))


@pytest.mark.parametrize("first", [1, 2, 5])
def test_pads_within_prompts(model: Any, make_decoder: MakeDecoder, first: int) -> None:
    prompts = random_prompts(13, 2, 7)
    run = SplitCalls(make_decoder(3), first).run
    found = generate(run, prompts, prefill_seq_len=6, ctx_len=CTX_LEN, max_new_tokens=4)
    assert_same(found, whole_generation(model, prompts, [4, 4, 4]))


def continuously(decoder: Any, prompts: list[list[int]], counts: list[int]) -> Generation:
    return generate_continuously(
        decoder.run, prompts, full_batch_size=2, prefill_seq_len=4, ctx_len=CTX_LEN, max_new_tokens=counts
    )


REUSED = (5, 11, 3, 9, 2), [4, 9, 6, 3, 5]


def test_rows_are_reused_and_idle(model: Any, make_decoder: MakeDecoder) -> None:
    prompts, counts = random_prompts(*REUSED[0]), REUSED[1]
    assert_same(
        continuously(make_decoder(2, continuous=True), prompts, counts), whole_generation(model, prompts, counts)
    )


def test_a_row_reused_after_another_prompt_is_wrong_without_the_reset(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts, counts = random_prompts(*REUSED[0]), REUSED[1]
    expected = whole_generation(model, prompts, counts)
    monkeypatch.setattr(CallRows, "begins", property(lambda rows: torch.zeros_like(rows.position_ids[:, 0] == 0)))
    found = continuously(TorchDecoder(model, 2, CTX_LEN), prompts, counts)
    # The first two begin on rows that nobody has used.
    for prompt, steps in enumerate(counts):
        is_near = np.allclose(found.logits[:steps, prompt], expected.logits[:steps, prompt], atol=1e-3)
        assert is_near == (prompt < 2)


@pytest.mark.parametrize("let_through", ["window", "recurrence"])
def test_one_pad_let_through_is_wrong(model: Any, monkeypatch: pytest.MonkeyPatch, let_through: str) -> None:
    prompts = random_prompts(13, 2, 7)
    expected = whole_generation(model, prompts, [4, 4, 4])

    def with_one_more(position_ids: torch.Tensor) -> torch.Tensor:
        count = (position_ids >= 0).sum(1, keepdim=True)
        behind_last = torch.arange(position_ids.shape[1]) == count
        return torch.where(behind_last & (count > 0), count.to(position_ids.dtype), position_ids)

    if let_through == "window":
        counted = property(lambda rows: (with_one_more(rows.position_ids) >= 0).sum(1))
        monkeypatch.setattr(CallRows, "count", counted)
    else:
        monkeypatch.setattr(
            toy,
            "gated_delta_rule",
            lambda *tensors, **others: gated_delta_rule(
                *tensors, **others | {"position_ids": with_one_more(others["position_ids"])}
            ),
        )
    found = generate(
        TorchDecoder(model, 3, CTX_LEN).run, prompts, prefill_seq_len=6, ctx_len=CTX_LEN, max_new_tokens=4
    )
    # What an attention before left in a pad is NaN, and so may be the answers.
    assert not np.allclose(found.logits, expected.logits, atol=0.05 * np.nanstd(expected.logits))


def test_a_row_goes_on_where_it_stands(make_decoder: MakeDecoder) -> None:
    decoder = make_decoder(2)

    def call(*positions: list[int]) -> None:
        ids = np.array(positions, dtype=np.int64)
        decoder.run(np.zeros_like(ids), ids)

    with pytest.raises(UsageError, match="row 1 of a call begins at position 3, and row 1 of the cache has none"):
        call([0, 1], [3, 4])
    call([0, 1], [0, -1])
    with pytest.raises(UsageError, match="begins at position 1, and row 0 of the cache has 2 tokens.*at position 2"):
        call([1], [1])
    with pytest.raises(UsageError, match="its pads stand behind them"):
        call([2, -1, 3], [1, 2, -1])
    with pytest.raises(UsageError, match=r"a call has 1025 tokens, .* take at most 1024"):
        call(list(range(1025)), [-1] * 1025)
    call([2], [-1])
    call([0], [1])
    decoder.reset()
    with pytest.raises(UsageError, match="row 0 of the cache has none"):
        call([1], [0])


def test_rows_go_on_by_their_number_in_the_cache(make_decoder: MakeDecoder) -> None:
    decoder = make_decoder(3, continuous=True)

    def call(rows: list[int], *positions: list[int]) -> None:
        ids = np.array(positions, dtype=np.int64)
        decoder.run(np.zeros_like(ids), ids, np.array(rows, dtype=np.int64)[:, None])

    call([2], [0, 1, 2])
    call([2, 0, -1], [3], [0], [-1])
    with pytest.raises(UsageError, match="row 1 of a call begins at position 4, and row 0 of the cache has 1 tokens"):
        call([2, 0], [4], [4])
    with pytest.raises(UsageError, match="two rows of a call go on in row 2 of the cache"):
        call([2, 2], [4], [4])
    with pytest.raises(UsageError, match="a call has 4 rows, and the cache of this model, which keeps states, has 3"):
        call([2, 0, 1, -1], [4], [1], [0], [-1])
