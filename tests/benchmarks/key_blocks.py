"""Peak memory of one decode step of a long context in ONNX Runtime, attention over all keys against blocks of them.

Each runs in a process of its own. Making a session can take more memory than the step does, so the kernel is told to
forget the peak before the step (proc(5): 5 written to clear_refs); this needs Linux.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.timing import BenchmarkError, Measurement, Size, output_of

CTX_LEN, SMALLEST_CTX_LEN = 16384, 2048
NUM_KV_BLOCKS = 16

_EXPORT = """
import sys
from pathlib import Path
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.checked_in.generated_code import load_transforms

folder, ctx_len = Path(sys.argv[1]), int(sys.argv[2])
config = LlamaConfig(
    hidden_size=512, intermediate_size=512, num_hidden_layers=2, num_attention_heads=32, num_key_value_heads=8,
    head_dim=64, vocab_size=256, max_position_embeddings=ctx_len, attn_implementation="eager",
)
for blocks in map(int, sys.argv[3:]):
    config.num_kv_blocks = blocks
    torch.manual_seed(0)
    model = load_transforms("llama", Path("generated")).apply(LlamaForCausalLM(config).eval())
    export_onnx(model, folder / f"{blocks}.onnx", ExportSpec(ctx_len=ctx_len))
"""
_DECODE = r"""
import json, re, sys
from pathlib import Path
import numpy as np
from qeff_codegen.decoding.session import OrtDecoderSession

ctx_len = int(sys.argv[2])
session = OrtDecoderSession(Path(sys.argv[1]), 1, ctx_len)
status = lambda name: int(re.search(name + r":\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
Path("/proc/self/clear_refs").write_text("5")
before = status("VmRSS")
logits = session.run(np.array([[7]]), np.array([[ctx_len - 1]]))
print(json.dumps({"mib": status("VmHWM") - before, "logits": logits[0, 0, :8].tolist()}))
"""


@dataclass(frozen=True)
class Step:
    """One decode step: the memory it took at its peak beyond the session's, in MiB, and some of its logits."""

    mib: float
    logits: list[float]


def measure(size: Size) -> Iterator[Measurement]:
    """The memory of a step over blocks against that of one over all keys."""
    ctx_len = size.of(CTX_LEN, SMALLEST_CTX_LEN)
    with tempfile.TemporaryDirectory() as folder:
        output_of(["-c", _EXPORT, folder, str(ctx_len), "1", str(NUM_KV_BLOCKS)])
        whole, blocked = (_step(Path(folder) / f"{blocks}.onnx", ctx_len) for blocks in (1, NUM_KV_BLOCKS))
    if not all(
        math.isclose(one, other, abs_tol=1e-4) for one, other in zip(whole.logits, blocked.logits, strict=True)
    ):
        raise BenchmarkError("blocks gave other logits, so their memory says nothing")
    what = f"decode at {ctx_len} slots, {NUM_KV_BLOCKS} blocks of keys"
    yield Measurement(what, blocked.mib, "all keys at once", whole.mib, goal=1.0, unit="MiB")


def _step(graph: Path, ctx_len: int) -> Step:
    return Step(**json.loads(output_of(["-c", _DECODE, str(graph), str(ctx_len)])))
