"""Two runs of one scenario, compared step by step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Largest allowed logit difference, as a share of the reference logits' standard deviation, in float32. Right models
# stay far below it: the largest share measured is 4e-6 over all tiny variants (2 layers, logits' deviation 3 to 4)
# and 1.1e-5 for SmolLM2-135M (30 layers, deviation 6.4). Wrong ones do not come near it: norm weights off by one,
# a lost window and shifted positions give shares of 0.1 to 7, norm weights off by 0.001 still 0.005.
RELATIVE_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Trace:
    """What one stage answered in one scenario.

    Attributes:
        logits: for each prompt, float32 `[steps, vocab]`; step 0 is the prefill's. Decoding is greedy, so each
            step's token is its largest logit.
        rounding: of a reference whose order of arithmetic is not ours, the largest difference of its logits to its own
            in float64; 0 of all others.
    """

    logits: tuple[np.ndarray, ...]
    rounding: float = 0.0

    @property
    def tokens(self) -> list[list[int]]:
        """The generated token ids of each prompt."""
        return [[int(token) for token in steps.argmax(-1)] for steps in self.logits]


@dataclass(frozen=True)
class Divergence:
    """The first step where two runs part.

    Attributes:
        prompt: index of the prompt in the scenario.
        step: generated-token index; 0 is the token the prefill yields.
        expected: the reference's token.
        got: the other run's token.
        difference: max |logit difference| at that step.
    """

    prompt: int
    step: int
    expected: int
    got: int
    difference: float

    def __str__(self) -> str:
        tokens = f"token {self.got} instead of {self.expected}" if self.got != self.expected else "same token"
        return f"prompt {self.prompt}, step {self.step}: {tokens}, logits differ by {self.difference:.2g}"


@dataclass(frozen=True)
class Comparison:
    """The outcome of comparing a run with its reference.

    Attributes:
        max_difference: max |logit difference| up to and including the first divergence.
        tolerance: the largest difference allowed, in logits.
        divergence: the first step out of tolerance or with another token; None when the runs are equal.
    """

    max_difference: float
    tolerance: float
    divergence: Divergence | None

    @property
    def equal(self) -> bool:
        """Same tokens at every step, and every logit within the tolerance."""
        return self.divergence is None


def tolerance_for(reference: Trace) -> float:
    """The largest allowed logit difference for this reference, in logits.

    Where the reference's own rounding is larger than what right models show elsewhere, it is that.
    """
    return max(RELATIVE_TOLERANCE * float(np.concatenate(reference.logits).std()), reference.rounding)


def rounding_share(reference: Trace) -> float:
    """The reference's own rounding as a share of what is allowed elsewhere; more than 1 where it is the tolerance."""
    return reference.rounding / (RELATIVE_TOLERANCE * float(np.concatenate(reference.logits).std()))


def min_margin(reference: Trace) -> float:
    """The smallest gap between the best and the second-best logit over all prompts and steps."""
    best_two = np.partition(np.concatenate(reference.logits), -2, axis=-1)[:, -2:]
    return float((best_two[:, 1] - best_two[:, 0]).min())


def distinguishes(reference: Trace) -> bool:
    """Whether two runs within the tolerance must choose the same tokens.

    Both logits of the closest pair may move by the tolerance, so the gap must be more than twice that.
    """
    return min_margin(reference) > 2 * tolerance_for(reference)


def compare(reference: Trace, other: Trace) -> Comparison:
    """Compare step by step, all prompts of a step before the next, up to the first divergence.

    After a different token the two runs have different inputs, so nothing beyond it means anything. A logit that
    is not finite is a divergence.

    Raises:
        ValueError: the runs have other numbers of prompts or steps, so they are not of one scenario.
    """
    if [steps.shape for steps in reference.logits] != [steps.shape for steps in other.logits]:
        raise ValueError("the runs have different numbers of prompts, steps or logits")
    tolerance = tolerance_for(reference)
    expected_tokens, got_tokens = reference.tokens, other.tokens
    largest = 0.0
    for step in range(max(len(tokens) for tokens in expected_tokens)):
        for prompt, tokens in enumerate(expected_tokens):
            if step >= len(tokens):
                continue
            difference = float(np.abs(reference.logits[prompt][step] - other.logits[prompt][step]).max())
            if np.isnan(difference):
                difference = float("inf")
            largest = max(largest, difference)
            expected, got = tokens[step], got_tokens[prompt][step]
            if expected != got or difference > tolerance:
                return Comparison(largest, tolerance, Divergence(prompt, step, expected, got, difference))
    return Comparison(largest, tolerance, None)
