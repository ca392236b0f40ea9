"""Decoding with a graph that samples: what each call is told, and the tokens it gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from qeff_codegen.decoding.decoding import OneTokenEach, Row, Run
from qeff_codegen.decoding.sampling_parameters import SamplingParameters
from qeff_codegen.export.sampler_io import SamplerSpec

# Random numbers that float16, in which the device computes, tells from 0 and 1: their logarithms are finite.
_LEAST_RANDOM, _LARGEST_RANDOM = 2.0**-14, 1 - 2.0**-11


class SampledDecoding(OneTokenEach):
    """Every call gives every row one token, drawn by the graph.

    The random numbers follow from the seed, the prompt's index and the position: a prompt's text is the same whatever
    shares its batch, with continuous batching, and in PyTorch and ONNX Runtime.
    """

    def __init__(self, sampler: SamplerSpec, parameters: SamplingParameters) -> None:
        self._max_top_k_ids = sampler.max_top_k_ids
        self._parameters = parameters

    def prefill_run(self, run: Run, prompts: Sequence[int]) -> Run:
        """See `Decoding`."""
        return partial(self._sample, run, prompts)

    def next_logits(self, run: Run, rows: Mapping[int, Row], num_rows: int) -> dict[int, list[np.ndarray]]:
        """See `Decoding`: the token itself, `[1]`, in the place of its logits."""
        # A row without a prompt draws a token that nobody takes.
        prompts = [rows[index].prompt if index in rows else 0 for index in range(num_rows)]
        return super().next_logits(partial(self._sample, run, prompts), rows, num_rows)

    def choose(self, logits: np.ndarray) -> int:
        """The token that the graph drew."""
        return int(logits[0])

    def _sample(
        self,
        run: Run,
        prompts: Sequence[int],
        input_ids: np.ndarray,
        position_ids: np.ndarray,
        **inputs: np.ndarray,
    ) -> np.ndarray:
        """One call, with what the sampler takes; see `sampler_io`."""
        chosen = self._parameters
        rows = len(input_ids)
        random = [
            self._random_numbers(prompt, int(position))
            for prompt, position in zip(prompts, position_ids.max(1), strict=True)
        ]
        return run(
            input_ids,
            position_ids,
            **inputs,
            last_accepted_output_tokens=input_ids,
            repetition_penalties=_one_each(rows, chosen.repetition_penalty),
            presence_penalties=_one_each(rows, chosen.presence_penalty),
            temperatures=_one_each(rows, chosen.temperature),
            top_ks=np.full((rows, 1), min(chosen.top_k, self._max_top_k_ids), dtype=np.int32),
            top_ps=_one_each(rows, chosen.top_p),
            min_ps=_one_each(rows, chosen.min_p),
            random_numbers=np.stack(random),
        )

    def _random_numbers(self, prompt: int, position: int) -> np.ndarray:
        """Float32 `[max_top_k_ids]`, between 0 and 1."""
        # A row of pads has position -1, and a seed is not negative.
        generator = np.random.default_rng([self._parameters.seed, prompt, position + 1])
        numbers = generator.random(self._max_top_k_ids, dtype=np.float32)
        return numbers.clip(_LEAST_RANDOM, _LARGEST_RANDOM)


def _one_each(rows: int, value: float) -> np.ndarray:
    return np.full((rows, 1), value, dtype=np.float32)
