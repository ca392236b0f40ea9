"""`python -m tests.benchmarks.smollm2.decode_genai FOLDER TASK`: onnxruntime-genai's graph on its own runtime."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import onnxruntime_genai as genai

from tests.benchmarks.smollm2.decoding import Task


def generated(model: genai.Model, task: Task) -> Iterator[int]:
    """Greedy tokens, the whole prompt in one call; keys and values are written in place."""
    parameters = genai.GeneratorParams(model)
    parameters.set_search_options(do_sample=False, max_length=task.ctx_len, past_present_share_buffer=True)
    generator = genai.Generator(model, parameters)
    generator.append_tokens(np.array([task.prompt], dtype=np.int32))
    for _ in range(task.new_tokens):
        generator.generate_next_token()
        yield int(generator.get_next_tokens()[0])


decoder = genai.Model(sys.argv[1])
wanted = Task.parsed(sys.argv[2])
for _ in range(wanted.runs):
    wanted.report(generated(decoder, wanted))
