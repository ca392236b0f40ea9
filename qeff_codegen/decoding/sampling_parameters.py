"""How tokens are drawn, as a user says it."""

from __future__ import annotations

from dataclasses import dataclass

from qeff_codegen.errors import UsageError


@dataclass(frozen=True)
class SamplingParameters:
    """What the next token depends on besides the text; the defaults change nothing. Names are transformers'.

    Attributes:
        temperature: divides the logits; 0 for the likeliest token always.
        top_k: one of so many likeliest tokens is drawn; 0 for as many as the graph allows.
        top_p: of the likeliest tokens whose probabilities sum up to that.
        min_p: of tokens with at least that share of the likeliest one's probability.
        repetition_penalty: divides the positive logits of tokens in the prompt or the text; multiplies negative ones.
        presence_penalty: is subtracted from the logits of tokens in the text.
        seed: equal seeds give equal texts.

    Raises:
        UsageError: a value is out of range.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        ranges = {
            "temperature": (self.temperature >= 0, "0 or more; 0 always takes the likeliest token"),
            "top_k": (self.top_k >= 0, "0 or more; 0 for as many tokens as the graph allows"),
            "top_p": (0 < self.top_p <= 1, "above 0 and at most 1"),
            "min_p": (0 <= self.min_p <= 1, "between 0 and 1"),
            "repetition_penalty": (self.repetition_penalty > 0, "above 0; 1 for none"),
            "seed": (self.seed >= 0, "0 or more"),
        }
        for name, (is_right, wanted) in ranges.items():
            if not is_right:
                raise UsageError(f"{name} is {getattr(self, name)}: it must be {wanted}.")
