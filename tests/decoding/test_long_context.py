"""LongRoPE: the texts that `generate()` gives, past the original context too, in chunks, batches and reused rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qeff_codegen.decoding.continuous_batching import generate_continuously
from qeff_codegen.decoding.generation import Generation, generate, stream
from qeff_codegen.decoding.long_context import LongContext
from qeff_codegen.decoding.prefill import prefill_chunks
from qeff_codegen.decoding.prompt_lookup import PromptLookup
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.deploy.long_context import long_context_of
from qeff_codegen.errors import UsageError
from qeff_codegen.tiny_models.models import random_tokens
from qeff_codegen.tiny_models.sizes import ORIGINAL_MAX_POSITIONS
from qeff_codegen.validation.comparison import Trace, compare
from qeff_codegen.validation.reference import reference_trace
from qeff_codegen.validation.scenarios import Scenario
from tests.runtime.tiny_generated import tiny_generated, tiny_upstream

VARIANT = "rope longrope"
# One prompt is past the original context, one comes to it while decoding, one stays below it.
LENGTHS, NEW_TOKENS = (24, 12, 16, 5), (9, 9, 4, 6)
SIZES: dict[str, Any] = {"prefill_seq_len": 7, "ctx_len": 33}


def scenario_for(upstream: Any) -> Scenario:
    vocab_size = upstream.config.vocab_size
    prompts = tuple(random_tokens(length, vocab_size, row) for row, length in enumerate(LENGTHS))
    return Scenario("past original max", prompts, **SIZES, new_tokens=NEW_TOKENS)


def trace_of(generation: Generation) -> Trace:
    return Trace(tuple(generation.logits[:count, prompt] for prompt, count in enumerate(NEW_TOKENS)))


def assert_equal(reference: Trace, found: Trace) -> None:
    outcome = compare(reference, found)
    assert outcome.divergence is None, outcome.divergence


@pytest.mark.parametrize(("name", "begins_again"), [("phi3", True), ("llama", False)])
def test_what_generate_gives_in_a_batch_and_with_reused_rows(name: str, begins_again: bool) -> None:
    upstream = tiny_upstream(name, VARIANT)
    scenario = scenario_for(upstream)
    long_context = long_context_of(upstream)
    assert long_context == LongContext(ORIGINAL_MAX_POSITIONS, begins_again)
    reference = reference_trace(upstream, scenario)
    model = tiny_generated(name, VARIANT)
    assert long_context_of(model) == long_context
    prompts = scenario.prompts

    def in_a_batch(known: LongContext | None) -> Trace:
        decoder = TorchDecoder(model, len(prompts), SIZES["ctx_len"])
        return trace_of(generate(decoder.run, prompts, **SIZES, max_new_tokens=max(NEW_TOKENS), long_context=known))

    assert_equal(reference, in_a_batch(long_context))
    decoder = TorchDecoder(model, 2, SIZES["ctx_len"])
    by_row = generate_continuously(
        decoder.run, prompts, **SIZES, full_batch_size=2, max_new_tokens=NEW_TOKENS, long_context=long_context
    )
    assert_equal(reference, trace_of(by_row))
    # Each part is needed: without it another token or logit comes out.
    assert compare(reference, in_a_batch(None)).divergence is not None
    otherwise = replace(long_context, begins_again=not begins_again)
    assert compare(reference, in_a_batch(otherwise)).divergence is not None


@pytest.mark.parametrize("name", ["phi3", "llama"])
def test_no_draft_crosses_the_original_context(name: str) -> None:
    model = tiny_generated(name, VARIANT)
    long_context = long_context_of(model)
    # The model's own text, so that its drafts are often right.
    (said,) = generate(TorchDecoder(model, 1, 33).run, [[3, 1, 2]], **SIZES, max_new_tokens=6).tokens
    prompts = [[*said, *said[:3]], [5, 4, 3, 5, 4]]
    expected = generate(TorchDecoder(model, 2, 33).run, prompts, **SIZES, long_context=long_context).tokens
    lookup = PromptLookup(4, 33)
    drafted = stream(TorchDecoder(model, 2, 33).run, prompts, **SIZES, decoding=lookup, long_context=long_context)
    assert Generation.collect(drafted, 2).tokens == expected
    assert lookup.calls < max(map(len, expected))


@given(st.data(), st.integers(1, 12), st.integers(2, 9))
def test_every_chunk_of_a_long_prompt_takes_the_long_factors(
    data: st.DataObject, long_from: int, prefill_seq_len: int
) -> None:
    length = data.draw(st.integers(long_from + 1, 40))
    chunks = prefill_chunks([list(range(length))], prefill_seq_len, max(length, prefill_seq_len), long_from)
    seen: list[int] = []
    for input_ids, position_ids in chunks:
        given_positions = position_ids[0][position_ids[0] >= 0]
        assert np.array_equal(input_ids[0][: len(given_positions)], given_positions)
        assert given_positions.max() >= long_from
        seen += [position for position in given_positions.tolist() if position != length - 1]
    assert seen == list(range(length - 1))
    # The chunk that keeps the last token has no pads, which the last slot would get.
    assert given_positions[-1] == length - 1
    assert len(given_positions) == min(prefill_seq_len, length)


def test_a_shorter_prompt_comes_as_it_always_did() -> None:
    for length in (1, 5, 8):
        plain, known = ([*prefill_chunks([[3] * length], 4, 16, given)] for given in (None, 8))
        assert all(np.array_equal(one, other) for one, other in zip(plain, known, strict=True))


@pytest.mark.parametrize(
    ("texts", "prefill_seq_len", "samples", "message"),
    [
        ([(5, 8), (12, 14)], 1, False, "a text of 12 tokens crosses .* 8: a chunk .*prefill_seq_len of 2"),
        ([(8, 9)], 1, False, "a text of 9 tokens crosses"),
        ([(8, 9)], 4, True, "its sampler would count them twice"),
        ([(12, 14)], 4, True, "a text of 12 tokens .* its sampler would count them twice"),
    ],
)
def test_what_a_graph_cannot_do_is_said_before_it_runs(
    texts: Sequence[tuple[int, int]], prefill_seq_len: int, samples: bool, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        LongContext(8, begins_again=True).check(texts, prefill_seq_len, samples=samples)


@pytest.mark.parametrize(
    ("texts", "prefill_seq_len", "begins_again"),
    [([(5, 8)], 1, True), ([(8, 30)], 1, False), ([(12, 30)], 16, True)],
)
def test_what_needs_no_token_twice_runs(
    texts: Sequence[tuple[int, int]], prefill_seq_len: int, begins_again: bool
) -> None:
    LongContext(8, begins_again).check(texts, prefill_seq_len, samples=True)
