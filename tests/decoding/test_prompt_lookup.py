"""Prompt lookup: the tokens of greedy decoding, in fewer calls, whatever is drafted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qeff_codegen.decoding.continuous_batching import stream_continuously
from qeff_codegen.decoding.generation import Generation, generate, stream
from qeff_codegen.decoding.host_session import open_decoder
from qeff_codegen.decoding.prompt_lookup import PromptLookup, draft
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.errors import UsageError
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from tests.runtime.tiny_generated import tiny_generated

VOCAB = 5


class SlotDecoder:
    """A decoder whose next token follows from all tokens in its slots, which it keeps as the contract says.

    A pad is written to the last slot unless rows are named; a slot beyond the largest position is never read.
    """

    def __init__(self, rows: int, ctx_len: int, salt: int) -> None:
        self.slots = np.full((rows, ctx_len), -7)
        self.salt = salt

    def run(
        self,
        input_ids: np.ndarray,
        position_ids: np.ndarray,
        batch_index: np.ndarray | None = None,
        num_logits_to_keep: np.ndarray | None = None,
    ) -> np.ndarray:
        rows = np.arange(len(input_ids)) if batch_index is None else batch_index[:, 0]
        count = 1 if num_logits_to_keep is None else len(num_logits_to_keep)
        logits = np.full((len(rows), count, VOCAB), np.nan, dtype=np.float32)
        for index, row in enumerate(rows):
            for token, position in zip(input_ids[index], position_ids[index], strict=True):
                if position >= 0 or batch_index is None:
                    self.slots[row, position] = token
            last = int(position_ids[index].argmax())
            for place, column in enumerate(range(max(last - count + 1, 0), max(last - count + 1, 0) + count)):
                if column <= last and position_ids[index, column] >= 0:
                    seen = self.slots[row, : position_ids[index, column] + 1].tolist()
                    logits[index, place] = self._logits(seen)
        return logits

    def _logits(self, seen: Sequence[int]) -> np.ndarray:
        # Few states, so that texts repeat themselves; a wrong token anywhere changes what follows.
        chosen = (sum((place % 3 + 1) * token for place, token in enumerate(seen[-4:])) + self.salt) % VOCAB
        assert min(seen) >= 0, "a slot is read that nobody wrote"
        return np.eye(VOCAB, dtype=np.float32)[chosen]


prompts_of_tokens = st.lists(st.lists(st.integers(0, VOCAB - 1), min_size=1, max_size=9), min_size=1, max_size=4)


@settings(deadline=None, max_examples=150)
@given(prompts_of_tokens, st.integers(1, 6), st.integers(12, 20), st.integers(0, 50), st.integers(1, 3))
def test_same_tokens_as_greedy(
    prompts: list[list[int]], num_speculative_tokens: int, ctx_len: int, salt: int, cache_rows: int
) -> None:
    sizes: dict[str, Any] = {"prefill_seq_len": 8, "ctx_len": ctx_len}
    expected = generate(SlotDecoder(len(prompts), ctx_len, salt).run, prompts, **sizes).tokens
    lookup = PromptLookup(num_speculative_tokens, ctx_len)
    together = stream(SlotDecoder(len(prompts), ctx_len, salt).run, prompts, **sizes, decoding=lookup)
    assert Generation.collect(together, len(prompts)).tokens == expected
    assert lookup.calls <= max(map(len, expected)) - 1
    by_row = stream_continuously(
        SlotDecoder(cache_rows, ctx_len, salt).run,
        prompts,
        full_batch_size=cache_rows,
        **sizes,
        max_new_tokens=[None] * len(prompts),
        decoding=PromptLookup(num_speculative_tokens, ctx_len),
    )
    assert Generation.collect(by_row, len(prompts)).tokens == expected


@pytest.mark.parametrize("name", ["llama", "gemma3_text", "llama4"])
def test_a_model_checks_drafts_of_what_it_said_before(name: str, tmp_path: Path) -> None:
    """Dense attention, windows, chunks of attention."""
    model = tiny_generated(name)
    sizes: dict[str, Any] = {"prefill_seq_len": 8, "ctx_len": 30}
    # The prompt is the model's own text, so that its drafts are often right.
    (said,) = generate(TorchDecoder(model, 1, 30).run, [[3, 1, 2]], **sizes, max_new_tokens=8).tokens
    prompts = [[*said, *said[:3]], [5, 4, 3, 5, 4]]
    expected = generate(TorchDecoder(model, 2, 30).run, prompts, **sizes).tokens
    onnx_path = export_onnx(model, tmp_path / "tlm.onnx", ExportSpec(30, is_tlm=True))
    for decoder in (
        TorchDecoder(model, 2, 30),
        OrtDecoderSession(onnx_path, 2, 30),
        open_decoder(onnx_path, 2, 30),
    ):
        tokens = stream(decoder.run, prompts, **sizes, decoding=PromptLookup(4, 30))
        assert Generation.collect(tokens, 2).tokens == expected


def test_a_repeated_text_takes_few_calls() -> None:
    lookup = PromptLookup(4, 32)

    class Counting(SlotDecoder):
        """Always counts on, modulo its vocabulary."""

        def _logits(self, seen: Sequence[int]) -> np.ndarray:
            return np.eye(VOCAB, dtype=np.float32)[(seen[-1] + 1) % VOCAB]

    tokens = stream(
        Counting(1, 32, 0).run,
        [[0, 1, 2, 3, 4, 0, 1]],
        prefill_seq_len=8,
        ctx_len=32,
        max_new_tokens=21,
        decoding=lookup,
    )
    assert [new.token for new in tokens] == [(2 + step) % VOCAB for step in range(21)]
    assert lookup.calls == 4


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([1, 2, 3, 1, 2], [3, 1, 2]),
        ([1, 2, 3, 9, 2], [3, 9, 2]),
        ([7, 8, 1, 2, 8, 1, 2, 5, 1, 2], [5, 1, 2]),
        ([1, 2, 3], []),
        ([4], []),
    ],
)
def test_the_last_occurrence_of_the_longest_stretch_drafts(tokens: list[int], expected: list[int]) -> None:
    assert draft(tokens, 3) == expected


@pytest.mark.parametrize("number", [0, 16])
def test_a_draft_must_fit(number: int) -> None:
    with pytest.raises(UsageError, match=f"num_speculative_tokens is {number}"):
        PromptLookup(number, 16)
