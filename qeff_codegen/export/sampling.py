"""Sampling inside the graph: from a decoder's logits to the next token, so that no logits leave the device.

The steps and their order are those of QEfficient's on-device sampler (`QEfficient/transformers/sampler/sampler.py`,
August 2026), which are those of transformers' logits processors: repetition penalty, presence penalty, temperature,
top-k, top-p, min-p. One token is then drawn by the Gumbel-max trick: the largest of `logit - log(-log(random))` is
distributed as the softmax of the logits (Gumbel 1954; C. J. Maddison, D. Tarlow, T. Minka, "A* Sampling", 2014). The
random numbers come from the host, so equal numbers give equal tokens. The operators are those that QEfficient's graphs
have too.

Which tokens a row has seen is kept in two buffers beside the KV cache. A row's buffers are emptied by the call that
holds its position 0. (QEfficient empties the presence buffer of every row whenever one is prefilled, so that with
continuous batching a new prompt makes the others forget.)
"""

from __future__ import annotations

import torch
from torch import nn

from qeff_codegen.export.sampler_io import SamplerSpec
from qeff_codegen.runtime.constants import INVALID_INDEX
from qeff_codegen.runtime.customop import CtxScatterFuncCB3D

# The logit of a token that cannot be drawn: float16's least, since the device computes in float16.
EXCLUDED = torch.finfo(torch.float16).min


class Sampler(nn.Module):
    """Draws the next token of every row; see `sampler_io` for what the names mean."""

    def __init__(self, spec: SamplerSpec) -> None:
        super().__init__()
        self.spec = spec

    def forward(
        self,
        logits: torch.Tensor,
        input_ids: torch.Tensor,
        position_ids: torch.Tensor,
        batch_index: torch.Tensor | None,
        *,
        last_accepted_output_tokens: torch.Tensor,
        past_repetition_penalty_buffer: torch.Tensor,
        repetition_penalties: torch.Tensor,
        past_presence_penalty_buffer: torch.Tensor,
        presence_penalties: torch.Tensor,
        temperatures: torch.Tensor,
        top_ks: torch.Tensor,
        top_ps: torch.Tensor,
        min_ps: torch.Tensor,
        random_numbers: torch.Tensor,
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Takes `logits` `[B, 1, V]` and a call's inputs.

        Returns:
            What stands in the place of the logits: `[probs,] next_tokens`; and the two updated buffers.
        """
        if batch_index is None:
            batch_index = torch.arange(input_ids.shape[0]).unsqueeze(1)
        # A call of one token decodes; a prompt is prefilled by longer ones.
        prefills = torch.arange(input_ids.shape[1]).amax(0, keepdim=True) > 0
        tokens = torch.where(prefills, input_ids, last_accepted_output_tokens)
        tokens = torch.where(position_ids < 0, INVALID_INDEX, tokens)
        starts = position_ids[:, :1] == 0
        everywhere = torch.ones_like(position_ids, dtype=torch.bool)
        repeated = _emptied(past_repetition_penalty_buffer, batch_index, starts)
        repeated = CtxScatterFuncCB3D.apply(repeated, batch_index, tokens, everywhere)
        # What a prompt holds was not generated.
        present = _emptied(past_presence_penalty_buffer, batch_index, starts)
        present = CtxScatterFuncCB3D.apply(present, batch_index, tokens, everywhere & ~prefills)

        rows = batch_index.view(-1)
        scores = logits[:, 0].float()
        scores = repetition_penalty(scores, repeated[rows], repetition_penalties)
        scores = scores - torch.where(present[rows], presence_penalties, 0.0)
        greedy = scores.argmax(1, keepdim=True)
        scores = scores / torch.where(temperatures == 0, 1.0, temperatures)
        # The least likely first, which is the order the random numbers belong to.
        likeliest, ids = (part.flip(1) for part in scores.topk(self.spec.max_top_k_ids, dim=1))
        likeliest = drawable(likeliest, top_ks, top_ps, min_ps)
        drawn = (likeliest - torch.log(-torch.log(random_numbers))).argmax(1, keepdim=True)
        next_tokens = torch.where(temperatures == 0, greedy, ids.gather(1, drawn)).unsqueeze(2)
        results = [next_tokens]
        if self.spec.return_pdfs:
            everything = torch.full_like(scores, EXCLUDED).scatter(1, ids, likeliest)
            results.insert(0, everything.softmax(1).unsqueeze(1))
        return results, [repeated, present]


def repetition_penalty(scores: torch.Tensor, seen: torch.Tensor, penalties: torch.Tensor) -> torch.Tensor:
    """Divides the positive scores `[B, V]` of tokens that were seen by `penalties` `[B, 1]`; multiplies the others."""
    factor = torch.where(seen, penalties, 1.0)
    return torch.where(scores > 0, scores / factor, scores * factor)


def drawable(scores: torch.Tensor, top_ks: torch.Tensor, top_ps: torch.Tensor, min_ps: torch.Tensor) -> torch.Tensor:
    """Excludes what top-k, top-p and min-p exclude.

    Args:
        scores: `[B, K]`, ascending.
        top_ks: `[B, 1]`: how many tokens stay; K where it is less than 1 or more than K.
        top_ps: `[B, 1]`: the likeliest tokens stay whose probabilities first sum up to that, and never none.
        min_ps: `[B, 1]`: tokens stay that have that share of the likeliest one's probability.
    """
    count = scores.shape[1]
    kept = torch.where(top_ks < 1, count, top_ks)
    kept = torch.where(kept > count, count, kept)
    places = torch.arange(count).unsqueeze(0)
    scores = torch.where(places < count - kept, EXCLUDED, scores)
    probabilities = scores.softmax(1)
    scores = torch.where((probabilities.cumsum(1) <= 1 - top_ps) & (places < count - 1), EXCLUDED, scores)
    return torch.where(probabilities < min_ps * probabilities[:, -1:], EXCLUDED, scores)


def _emptied(buffer: torch.Tensor, batch_index: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    """`buffer` `[R, V]` without the rows `batch_index` `[B, 1]` where a prompt `starts` `[B, 1]`."""
    all_rows = torch.ones_like(buffer[:, :1])
    return buffer & CtxScatterFuncCB3D.apply(all_rows, batch_index, torch.zeros_like(batch_index), ~starts)
