"""`python -m tests.benchmarks.smollm2.decode_ours GRAPH TASK`."""

from __future__ import annotations

import sys
from pathlib import Path

from qeff_codegen.decoding.generation import stream
from qeff_codegen.decoding.session import OrtDecoderSession
from tests.benchmarks.smollm2.decoding import Task

task = Task.parsed(sys.argv[2])
decoder = OrtDecoderSession(Path(sys.argv[1]), 1, task.ctx_len)
for _ in range(2):  # the second time, everything is warm
    decoder.reset()
    new = stream(decoder.run, [task.prompt], prefill_seq_len=64, ctx_len=task.ctx_len, max_new_tokens=task.new_tokens)
    task.report(token.token for token in new)
