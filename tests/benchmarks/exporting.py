"""How long exporting a generated 2-layer toy Llama takes, and how many nodes it has.

The yardstick is the same exporter on upstream's own model without a KV cache, the least any export of it could be.
Both write a file with the weights in it. Ours also runs the model once to see what it caches, and tidies the graph.
"""

from __future__ import annotations

import copy
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from tests.benchmarks.timing import ROOT, Measurement, Size, seconds_of

CTX_LEN = 128
TOY: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 256,
    "max_position_embeddings": CTX_LEN,
    "attn_implementation": "eager",
}
GOAL = 1.3
# What QEfficient's export of the same model has, read off a real one.
QEFFICIENT_NODES = 522


def measure(size: Size) -> Iterator[Measurement]:
    """The export's time against the yardstick's, and its number of nodes."""
    runs = size.of(9, 1)
    torch.manual_seed(0)
    upstream = LlamaForCausalLM(LlamaConfig(**TOY)).eval()
    ours = load_transforms("llama", ROOT / "generated").apply(copy.deepcopy(upstream))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "model.onnx"
        plain = Path(folder) / "plain.onnx"
        # The first export of a process prepares the exporter, and our first the bodies of custom operators.
        _export_without_cache(upstream, plain)
        export_onnx(ours, path, ExportSpec(ctx_len=CTX_LEN))
        pairs = [
            (
                seconds_of(lambda: export_onnx(ours, path, ExportSpec(ctx_len=CTX_LEN))),
                seconds_of(lambda: _export_without_cache(upstream, plain)),
            )
            for _ in range(runs)
        ]
        nodes = len(onnx.load(path).graph.node)
    seconds, yardstick = (min(times) for times in zip(*pairs, strict=True))
    yield Measurement("export a 2-layer toy Llama", seconds, "exporting it without a KV cache", yardstick, GOAL)
    yield Measurement("nodes of that graph", nodes, "QEfficient's graph", QEFFICIENT_NODES, 1.0, unit="nodes")


def _export_without_cache(model: Any, path: Path) -> None:
    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, position_ids: torch.Tensor) -> Any:
            # A mask that is ready: upstream's own mask builder cannot be traced.
            mask = torch.zeros((1, 1, 32, 32))
            return self.model(input_ids, attention_mask=mask, position_ids=position_ids, use_cache=False).logits

    tokens = torch.zeros((1, 32), dtype=torch.int64)
    positions = torch.arange(32).unsqueeze(0)
    torch.onnx.export(Logits(), (tokens, positions), str(path), opset_version=17, dynamo=False)
