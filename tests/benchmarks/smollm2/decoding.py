"""What every side decodes, and how its speed is taken. Imported in optimum-onnx's environment too."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator

# A context of this length is what the last token attends to, on every side: our cache has as many slots from the
# start, while the others' grow to it.
CTX_LEN = 512
NEW_TOKENS = 64
PROMPT = random.Random(0).choices(range(1000, 40000), k=CTX_LEN - NEW_TOKENS)
THREADS = 2


def report(tokens: Iterator[int]) -> None:
    """Print the tokens and the seconds of each after the first, which prefill yields, as JSON."""
    decoded = [next(tokens)]
    started = time.perf_counter()
    decoded += tokens
    seconds = time.perf_counter() - started
    assert len(decoded) == NEW_TOKENS
    print(json.dumps({"seconds_per_token": seconds / (NEW_TOKENS - 1), "tokens": decoded}))
