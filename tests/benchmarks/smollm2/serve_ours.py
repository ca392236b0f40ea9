"""`python -m tests.benchmarks.smollm2.serve_ours GRAPH PROMPTS`: many prompts on eight rows, and one after the other.

Lengths of prompts and answers are drawn from the same few, so rows are taken again at different times. `infer` has the
same session, decoding and size of chunks.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import onnxruntime as ort

from qeff_codegen.decoding.continuous_batching import stream_continuously
from qeff_codegen.decoding.host_session import HostDecoderSession, open_decoder
from tests.benchmarks.smollm2.one_thread import options

CTX_LEN, PREFILL_SEQ_LEN, ROWS = 72, 32, 8
PROMPT_LENGTHS, ANSWER_LENGTHS = (4, 8, 16, 32, 48), (4, 8, 16, 24)


def seconds(
    decoder: HostDecoderSession, rows: int, prompts: Sequence[tuple[list[int], int]]
) -> tuple[float, list[int]]:
    """Processor time of all of the prompts, and their tokens."""
    started = time.process_time()
    tokens: list[list[int]] = [[] for _ in prompts]
    for new in stream_continuously(
        decoder.run,
        [prompt for prompt, _ in prompts],
        full_batch_size=rows,
        prefill_seq_len=PREFILL_SEQ_LEN,
        ctx_len=CTX_LEN,
        max_new_tokens=[length for _, length in prompts],
    ):
        tokens[new.prompt].append(new.token)
    return time.process_time() - started, sum(tokens, [])


ort.SessionOptions = options
drawn = random.Random(0)
asked = [
    (drawn.choices(range(1000, 40000), k=drawn.choice(PROMPT_LENGTHS)), drawn.choice(ANSWER_LENGTHS))
    for _ in range(int(sys.argv[2]))
]
session = open_decoder(Path(sys.argv[1]), ROWS, CTX_LEN)
assert isinstance(session, HostDecoderSession)
seconds(session, ROWS, asked[:ROWS])  # everything is warm after that
alone, tokens_alone = seconds(session, 1, asked)
together, tokens_together = seconds(session, ROWS, asked)
assert tokens_alone == tokens_together
print(json.dumps({"rows": ROWS, "alone": alone, "together": together}))
