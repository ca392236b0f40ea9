"""Peak memory of one decode step of a long context in ONNX Runtime, attention over all keys against blocks of them.

Each runs in a process of its own. Making a session can take more memory than the step does, so the kernel is told to
forget the peak before the step (proc(5): 5 written to clear_refs); this needs Linux.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from dataclasses import dataclass

from tests.benchmarks.timing import ROOT, Measurement

CTX_LEN = 16384
NUM_KV_BLOCKS = 16

_EXPORT = """
import sys
from pathlib import Path
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.checked_in.generated_code import load_transforms

folder, ctx_len, blocks = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
config = LlamaConfig(
    hidden_size=512, intermediate_size=512, num_hidden_layers=2, num_attention_heads=32, num_key_value_heads=8,
    head_dim=64, vocab_size=256, max_position_embeddings=ctx_len, attn_implementation="eager",
)
config.num_kv_blocks = blocks
torch.manual_seed(0)
model = load_transforms("llama", Path("generated")).apply(LlamaForCausalLM(config).eval())
export_onnx(model, folder / "model.onnx", ExportSpec(ctx_len=ctx_len))
"""
_DECODE = r"""
import json, re, sys
from pathlib import Path
import numpy as np
from qeff_codegen.decoding.session import OrtDecoderSession

ctx_len = int(sys.argv[2])
session = OrtDecoderSession(Path(sys.argv[1]) / "model.onnx", 1, ctx_len)
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


def measure() -> list[Measurement]:
    """The memory of a step over blocks against that of one over all keys."""
    whole, blocked = _step(1), _step(NUM_KV_BLOCKS)
    if not all(
        math.isclose(one, other, abs_tol=1e-4) for one, other in zip(whole.logits, blocked.logits, strict=True)
    ):
        raise RuntimeError("blocks gave other logits, so their memory says nothing")
    return [
        Measurement(
            f"decode at {CTX_LEN} slots, {NUM_KV_BLOCKS} blocks of keys",
            blocked.mib,
            "all keys at once",
            whole.mib,
            goal=whole.mib,
            unit="MiB",
        )
    ]


def _step(num_kv_blocks: int) -> Step:
    with tempfile.TemporaryDirectory() as folder:
        sizes = [folder, str(CTX_LEN), str(num_kv_blocks)]
        subprocess.run([sys.executable, "-c", _EXPORT, *sizes], cwd=ROOT, check=True, capture_output=True)
        printed = subprocess.run(
            [sys.executable, "-c", _DECODE, *sizes], cwd=ROOT, check=True, capture_output=True, text=True
        )
    return Step(**json.loads(printed.stdout))
