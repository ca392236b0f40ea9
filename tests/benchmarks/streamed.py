"""`python -m tests.benchmarks.streamed CHECKPOINT FOLDER DTYPE WAY`: compiles, with weights `one` by one or `all`."""

from __future__ import annotations

import resource
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from qeff_codegen.deploy import auto_model

CTX_LEN, CHUNK = 1024, 128

checkpoint, folder, dtype, way = sys.argv[1:]
if way == "all":
    module: Any = auto_model
    module.weights_on_disk = lambda: nullcontext(SimpleNamespace(has_failed=False))
model = auto_model.QEFFAutoModelForCausalLM.from_pretrained(checkpoint, dtype=dtype)
model.compile(Path(folder), ctx_len=CTX_LEN, prefill_seq_len=CHUNK)
print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9:.2f} GB")
