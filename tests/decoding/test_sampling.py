"""The sampler against transformers' logits processors, one parameter after the other, and in both runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from qeff_codegen.decoding.decoding import Row
from qeff_codegen.decoding.sampled_decoding import SampledDecoding
from qeff_codegen.decoding.sampling_parameters import SamplingParameters
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.sampler_io import PENALTY_BUFFERS, SamplerSpec, example_inputs
from qeff_codegen.export.sampling import Sampler
from tests.runtime.tiny_generated import tiny_generated

VOCAB = 40
ROWS = 3
PROMPTS = torch.tensor([[1, 5, 9, 5], [2, 2, 2, 2], [30, 31, 32, 33]])
GENERATED = torch.tensor([[7, 1], [3, 3], [39, 0]])


def sampled(**given: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Prompts and generated tokens through a sampler that sees all the vocabulary.

    Returns the last call's logits `[ROWS, VOCAB]`, its probabilities, and its tokens `[ROWS]`.
    """
    spec = SamplerSpec(return_pdfs=True, max_top_k_ids=VOCAB)
    sampler = Sampler(spec)
    torch.manual_seed(0)
    logits = torch.randn(ROWS, 1, VOCAB) * 3
    inputs = example_inputs(spec, ROWS, 1, ROWS, VOCAB)
    inputs["random_numbers"] = torch.rand(ROWS, VOCAB).clamp(1e-4, 1 - 1e-4)
    inputs |= {name: torch.full_like(inputs[name], value) for name, value in given.items()}
    calls = [(PROMPTS, 0)] + [(GENERATED[:, [step]], PROMPTS.shape[1] + step) for step in range(GENERATED.shape[1])]
    for tokens, first in calls:
        inputs["last_accepted_output_tokens"] = tokens
        positions = torch.arange(first, first + tokens.shape[1]).repeat(ROWS, 1)
        results, buffers = sampler(logits, tokens, positions, None, **inputs)
        inputs |= dict(zip(PENALTY_BUFFERS, buffers, strict=True))
    return logits[:, 0], results[0][:, 0], results[1][:, 0, 0]


@pytest.mark.parametrize(
    ("given", "reference"),
    [
        ({}, []),
        ({"temperatures": 0.6}, [TemperatureLogitsWarper(0.6)]),
        ({"temperatures": 1.7}, [TemperatureLogitsWarper(1.7)]),
        ({"top_ks": 5}, [TopKLogitsWarper(5)]),
        ({"top_ks": 0}, []),
        ({"top_ks": 1000}, []),
        ({"top_ps": 0.7}, [TopPLogitsWarper(0.7)]),
        ({"top_ps": 0.01}, [TopKLogitsWarper(1)]),
        ({"min_ps": 0.1}, [MinPLogitsWarper(0.1)]),
        ({"min_ps": 1.0}, [TopKLogitsWarper(1)]),
        ({"repetition_penalties": 1.8}, [RepetitionPenaltyLogitsProcessor(1.8)]),
        ({"repetition_penalties": 0.7}, [RepetitionPenaltyLogitsProcessor(0.7)]),
        (
            {"repetition_penalties": 1.3, "temperatures": 1.5, "top_ks": 9, "top_ps": 0.8, "min_ps": 0.05},
            [
                RepetitionPenaltyLogitsProcessor(1.3),
                TemperatureLogitsWarper(1.5),
                TopKLogitsWarper(9),
                TopPLogitsWarper(0.8),
                MinPLogitsWarper(0.05),
            ],
        ),
    ],
)
def test_probabilities_are_those_of_transformers(given: dict[str, float], reference: list[Any]) -> None:
    logits, probabilities, tokens = sampled(**given)
    text = torch.cat([PROMPTS, GENERATED], dim=1)
    processed: Any = LogitsProcessorList(reference)(text, logits.clone())  # type: ignore[arg-type]
    torch.testing.assert_close(probabilities, processed.softmax(1))
    assert (probabilities[torch.arange(ROWS), tokens] > 0).all()


def test_presence_counts_what_was_generated() -> None:
    logits, probabilities, _ = sampled(presence_penalties=2.5)
    for row in range(ROWS):
        logits[row, GENERATED[row].unique()] -= 2.5
    torch.testing.assert_close(probabilities, logits.softmax(1))


def test_temperature_0_takes_the_likeliest_after_penalties() -> None:
    logits, _, tokens = sampled(temperatures=0.0)
    assert tokens.equal(logits.argmax(1))
    logits, _, tokens = sampled(temperatures=0.0, presence_penalties=-100.0)
    assert all(token in GENERATED[row] for row, token in enumerate(tokens))


def test_tokens_are_drawn_as_often_as_their_probability_says() -> None:
    spec = SamplerSpec(return_pdfs=True, max_top_k_ids=8)
    logits = torch.tensor([2.0, 1.5, 1.0, 0.0, -1.0, 1.8, 0.5, -2.0])
    decoding = SampledDecoding(spec, SamplingParameters(top_p=0.97))
    draws = 4000
    seen: dict[str, Any] = {}

    def run(input_ids: np.ndarray, position_ids: np.ndarray, **inputs: np.ndarray) -> np.ndarray:
        buffers = dict.fromkeys(PENALTY_BUFFERS, torch.zeros(draws, 8, dtype=torch.bool))
        given = {name: torch.from_numpy(array) for name, array in inputs.items()}
        tokens, positions = torch.from_numpy(input_ids), torch.from_numpy(position_ids)
        results, _ = Sampler(spec)(logits.repeat(draws, 1, 1), tokens, positions, None, **given, **buffers)
        seen["probabilities"] = results[0][0, 0]
        return np.asarray(results[1])

    rows = {index: Row(index, [1, 2], 1) for index in range(draws)}
    drawn = [decoding.choose(logits) for (logits,) in decoding.next_logits(run, rows, draws).values()]
    shares = np.bincount(drawn, minlength=8) / draws
    probabilities = seen["probabilities"].numpy()
    assert (shares[probabilities == 0] == 0).all() and (probabilities == 0).any()
    # Five standard deviations of a share.
    assert (np.abs(shares - probabilities) <= 5 * np.sqrt(probabilities * (1 - probabilities) / draws)).all()


@pytest.mark.parametrize("continuous_batching", [False, True])
def test_both_runtimes_draw_the_same(tmp_path: Path, continuous_batching: bool) -> None:
    """Rows with parameters of their own, prompts of different lengths in two chunks, and a row that is used again."""
    model = tiny_generated("llama")
    spec = SamplerSpec(max_top_k_ids=16)
    graph = ExportSpec(32, continuous_batching=continuous_batching, sampler=spec)
    session = OrtDecoderSession(export_onnx(model, tmp_path / "sampler.onnx", graph), 2, 32)
    decoder = TorchDecoder(model, 2, 32, sampler=spec)
    batch = {"batch_index": np.array([[1], [0]])} if continuous_batching else {}
    generator = np.random.default_rng(0)
    columns = {
        "repetition_penalties": [1.3, 0.8],
        "presence_penalties": [0.4, 0.0],
        "temperatures": [0.0, 1.5],
        "top_ps": [1.0, 0.9],
        "min_ps": [0.0, 0.01],
    }
    parameters = {name: np.array(values, dtype=np.float32)[:, None] for name, values in columns.items()}
    parameters["top_ks"] = np.array([[5], [12]], dtype=np.int32)
    chunks = [[list(range(8)), list(range(8))], [list(range(8, 16)), [8, 9, -1, -1, -1, -1, -1, -1]]]
    steps = [[[16 + step], [10 + step]] for step in range(5)]
    for positions in (*chunks, *steps, *chunks):
        tokens = generator.integers(0, 100, np.shape(positions))
        inputs = {**batch, **parameters, "last_accepted_output_tokens": tokens}
        inputs["random_numbers"] = generator.uniform(0.01, 0.99, (2, 16)).astype(np.float32)
        drawn = session.run(tokens, np.array(positions), **inputs)
        expected = decoder.run(tokens, np.array(positions), **inputs)
        np.testing.assert_array_equal(drawn, expected)
        assert drawn.shape == (2, 1, 1) and drawn.dtype == np.int64
        for name, buffer in zip(PENALTY_BUFFERS, decoder._penalty_buffers, strict=True):
            np.testing.assert_array_equal(session._cache[name].numpy(), buffer.numpy())


def test_a_new_prompt_forgets_its_row_and_no_other() -> None:
    spec = SamplerSpec(max_top_k_ids=4)
    inputs = example_inputs(spec, 1, 2, 3, VOCAB)
    full = {name: torch.ones(3, VOCAB, dtype=torch.bool) for name in PENALTY_BUFFERS}
    prompt = torch.tensor([[6, 8]])
    results, (repeated, present) = Sampler(spec)(
        torch.zeros(1, 1, VOCAB), prompt, torch.tensor([[0, -1]]), torch.tensor([[1]]), **inputs | full
    )
    assert repeated.sum(1).tolist() == [VOCAB, 1, VOCAB] and repeated[1, 6]
    assert present.sum(1).tolist() == [VOCAB, 0, VOCAB]


def test_random_numbers_are_ones_that_float16_can_use() -> None:
    decoding = SampledDecoding(SamplerSpec(max_top_k_ids=512), SamplingParameters())
    numbers = np.concatenate([decoding._random_numbers(0, position) for position in range(100)]).astype(np.float16)
    assert numbers.min() > 0 and numbers.max() < 1
