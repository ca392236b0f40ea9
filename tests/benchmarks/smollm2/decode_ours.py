"""`python -m tests.benchmarks.smollm2.decode_ours GRAPH TASK`: the session that `infer` opens."""

from __future__ import annotations

import sys
from pathlib import Path

import onnxruntime as ort

from qeff_codegen.decoding.generation import stream
from qeff_codegen.decoding.host_session import HostDecoderSession, open_decoder
from tests.benchmarks.smollm2.decoding import Task
from tests.benchmarks.smollm2.one_thread import options

PREFILL_SEQ_LEN = 512

ort.SessionOptions = options
task = Task.parsed(sys.argv[2])
decoder = open_decoder(Path(sys.argv[1]), 1, task.ctx_len)
assert isinstance(decoder, HostDecoderSession)
for _ in range(task.runs):
    decoder.reset()
    length = min(PREFILL_SEQ_LEN, len(task.prompt))
    new = stream(
        decoder.run, [task.prompt], prefill_seq_len=length, ctx_len=task.ctx_len, max_new_tokens=task.new_tokens
    )
    task.report(token.token for token in new)
