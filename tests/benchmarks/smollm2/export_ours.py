"""`python -m tests.benchmarks.smollm2.export_ours CHECKPOINT FOLDER TASK [rows]`: `rows` for continuous batching."""

from __future__ import annotations

import sys
from pathlib import Path

from qeff_codegen.deploy.auto_model import QEFFAutoModelForCausalLM
from tests.benchmarks.smollm2.decoding import Task

ctx_len = Task.parsed(sys.argv[3]).ctx_len
with_rows = sys.argv[4:] == ["rows"]
model = QEFFAutoModelForCausalLM.from_pretrained(sys.argv[1], continuous_batching=with_rows)
model.export(Path(sys.argv[2]), ctx_len=ctx_len)
