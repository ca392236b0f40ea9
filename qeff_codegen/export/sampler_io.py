"""Names, types, shapes and order of what a graph that samples takes and gives, as QEfficient exports them.

Read off `QEfficient/utils/sampler_utils.py` (August 2026). A graph that samples gives `next_tokens` where another one
gives `logits`, and takes these inputs after all others (B is `batch_size`, R the rows of the KV cache, V the size of
the vocabulary, K `max_top_k_ids`):

| input | type | shape |
|---|---|---|
| `last_accepted_output_tokens` | int64 | `[B, seq_len]` |
| `past_repetition_penalty_buffer` | bool | `[R, V]`, retained |
| `repetition_penalties` | float32 | `[B, 1]` |
| `past_presence_penalty_buffer` | bool | `[R, V]`, retained |
| `presence_penalties`, `temperatures` | float32 | `[B, 1]` |
| `top_ks` | int32 | `[B, 1]` |
| `top_ps`, `min_ps` | float32 | `[B, 1]` |
| `random_numbers` | float32 | `[B, K]`, each between 0 and 1 |

The retained outputs of the two buffers follow those of the KV cache. `custom_io.yaml` does not name them: they are
bool on the device too.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

NEXT_TOKENS = "next_tokens"
PROBS = "probs"
REPETITION_BUFFER = "past_repetition_penalty_buffer"
PRESENCE_BUFFER = "past_presence_penalty_buffer"
PENALTY_BUFFERS = (REPETITION_BUFFER, PRESENCE_BUFFER)
MAX_TOP_K_IDS = 512


@dataclass(frozen=True)
class SamplerSpec:
    """How a graph samples; names and defaults are QEfficient's.

    Attributes:
        return_pdfs: the graph also gives `probs`, the distribution each token was drawn from, float32 `[B, 1, V]`.
        max_top_k_ids: from how many of the likeliest tokens one is drawn at most.
    """

    return_pdfs: bool = False
    max_top_k_ids: int = MAX_TOP_K_IDS

    @property
    def output_names(self) -> list[str]:
        """What stands in the place of `logits`: `next_tokens`, int64 `[B, 1, 1]`."""
        return [PROBS, NEXT_TOKENS] if self.return_pdfs else [NEXT_TOKENS]


def example_inputs(
    sampler: SamplerSpec, batch_size: int, seq_len: int, cache_rows: int, vocab_size: int
) -> dict[str, torch.Tensor]:
    """Returns the inputs in their order, with values that change nothing."""
    one_each = (batch_size, 1)
    return {
        "last_accepted_output_tokens": torch.zeros(batch_size, seq_len, dtype=torch.int64),
        REPETITION_BUFFER: torch.zeros(cache_rows, vocab_size, dtype=torch.bool),
        "repetition_penalties": torch.ones(one_each),
        PRESENCE_BUFFER: torch.zeros(cache_rows, vocab_size, dtype=torch.bool),
        "presence_penalties": torch.zeros(one_each),
        "temperatures": torch.ones(one_each),
        "top_ks": torch.full(one_each, sampler.max_top_k_ids, dtype=torch.int32),
        "top_ps": torch.ones(one_each),
        "min_ps": torch.zeros(one_each),
        "random_numbers": torch.full((batch_size, sampler.max_top_k_ids), 0.5),
    }


SAMPLING_INPUTS = tuple(example_inputs(SamplerSpec(max_top_k_ids=1), 1, 1, 1, 1))


def sampler_axes(sampler: SamplerSpec) -> dict[str, dict[int, str]]:
    """Returns the name of each axis that is not fixed, the buffers' apart, whose rows are those of the cache."""
    given = [name for name in SAMPLING_INPUTS if name not in PENALTY_BUFFERS]
    axes = {name: {0: "batch_size"} for name in (*given, *sampler.output_names)}
    axes["last_accepted_output_tokens"][1] = "seq_len"
    return axes
