"""What every side decodes, and how its speed is taken. Imported in optimum-onnx's environment too."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

THREADS = 1  # and processor time, which a busy machine changes least
_SHORT = 1024


@dataclass(frozen=True)
class Task:
    """A prompt and the tokens after it, which fill a context of a given length.

    The last token attends to so much on every side: our cache has as many slots from the start, while the others' grow
    to it.

    Attributes:
        ctx_len: tokens of the prompt and of what follows.
        new_tokens: how many follow.
    """

    ctx_len: int
    new_tokens: int

    @classmethod
    def parsed(cls, word: str) -> Task:
        """The task of which `word` is the text."""
        return cls(*map(int, word.split("+")))

    def __str__(self) -> str:
        return f"{self.ctx_len}+{self.new_tokens}"

    @property
    def runs(self) -> int:
        """How often it is done; the last time, everything is warm. A long prompt warms up what it uses itself."""
        return 2 if self.ctx_len <= _SHORT else 1

    @property
    def prompt(self) -> list[int]:
        """Tokens from the middle of SmolLM2's vocabulary."""
        return random.Random(0).choices(range(1000, 40000), k=self.ctx_len - self.new_tokens)

    def report(self, tokens: Iterator[int]) -> None:
        """Print the tokens, and seconds of processor time until the first and for each after it, as JSON."""
        started = time.process_time()
        decoded = [next(tokens)]
        first = time.process_time()
        decoded += tokens
        seconds = (time.process_time() - first) / (self.new_tokens - 1)
        assert len(decoded) == self.new_tokens
        print(json.dumps({"prefill": first - started, "seconds_per_token": seconds, "tokens": decoded}))
