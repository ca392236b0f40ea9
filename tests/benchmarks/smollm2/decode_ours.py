"""`python -m tests.benchmarks.smollm2.decode_ours GRAPH`."""

from __future__ import annotations

import sys
from pathlib import Path

from qeff_codegen.decoding.generation import stream
from qeff_codegen.decoding.session import OrtDecoderSession
from tests.benchmarks.smollm2.decoding import CTX_LEN, NEW_TOKENS, PROMPT, report

decoder = OrtDecoderSession(Path(sys.argv[1]), 1, CTX_LEN)
for _ in range(2):  # the second time, everything is warm
    decoder.reset()
    new = stream(decoder.run, [PROMPT], prefill_seq_len=64, ctx_len=CTX_LEN, max_new_tokens=NEW_TOKENS)
    report(token.token for token in new)
