"""Runs in a checkout's interpreter: python in_checkout.py FAMILY FOLDER, then one command a line on standard input.

`export MODE` exports the family's model as QEfficient does, and `decode` runs the last graph; each is answered with
one JSON document. MODE is `plain` or `continuous`.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from QEfficient import QEFFAutoModelForCausalLM

from qeff_codegen.checkout.runnable_graph import runnable_graph
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.tiny_models.families import Family, find_family
from qeff_codegen.tiny_models.models import build_tiny_model
from qeff_codegen.tiny_models.release_differences import with_readable_sizes
from qeff_codegen.tiny_models.sizes import NUM_LAYERS, tiny_sizes
from qeff_codegen.validation.process_settings import one_thread, quiet_upstream

# Large enough that an export takes seconds.
LAYERS = 8
SIZES = {
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "vocab_size": 1024,
    "max_position_embeddings": 512,
}
CTX_LEN = 256
STEPS = 64


def model_of(family: Family) -> Any:
    """The family's tiny model with more layers and larger ones, the same weights each time."""
    config_class = family.config_class
    tiny = tiny_sizes(config_class, with_readable_sizes(config_class()))
    names = getattr(config_class, "attribute_map", {})
    larger = {names.get(name, name): value for name, value in SIZES.items()}
    # What is said of each layer is said again for the further ones.
    listed = {
        name: value * (LAYERS // NUM_LAYERS)
        for name, value in tiny.items()
        if isinstance(value, list) and len(value) == NUM_LAYERS
    }
    sizes = tiny | listed | {name: value for name, value in larger.items() if name in tiny}
    config = config_class(**sizes, attn_implementation="eager")
    model = build_tiny_model(family.causal_lm_class, config, seed=0)
    model.config.architectures = [type(model).__name__]
    return model


def export(model: Any, mode: str, folder: Path) -> tuple[Path, float]:
    """The graph, and the seconds that exporting it took."""
    shutil.rmtree(folder, ignore_errors=True)
    qeff_model = QEFFAutoModelForCausalLM(copy.deepcopy(model), continuous_batching=mode == "continuous")
    start = time.perf_counter()
    path = qeff_model.export(export_dir=str(folder / mode))
    return Path(path), time.perf_counter() - start


def shape_of(path: Path) -> dict[str, Any]:
    """What a compiler sees of a graph first: its inputs, outputs, functions; and how many nodes of which operators."""
    model = onnx.load(path, load_external_data=False)
    return {
        "inputs": [_described(value) for value in model.graph.input],
        "outputs": [value.name for value in model.graph.output],
        "functions": sorted(f"{function.domain}::{function.name}" for function in model.functions),
        "operators": Counter(node.op_type for node in model.graph.node),
    }


def decode(session: OrtDecoderSession) -> float:
    """The seconds that decoding takes, one token at a time into a cache that is empty at first."""
    session.reset()
    start = time.perf_counter()
    for position in range(STEPS):
        session.run(np.array([[position % 7]]), np.array([[position]]))
    return time.perf_counter() - start


def _described(value: onnx.ValueInfoProto) -> str:
    tensor = value.type.tensor_type
    sizes = ", ".join(size.dim_param or str(size.dim_value) for size in tensor.shape.dim)
    return f"{value.name}: {onnx.TensorProto.DataType.Name(tensor.elem_type)} [{sizes}]"


def main() -> None:
    """Answer commands until there are none."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    quiet_upstream()
    name, folder = sys.argv[1:]
    with one_thread():
        model = model_of(find_family(name))
        for line in sys.stdin:
            command, *mode = line.split()
            if command == "export":
                path, seconds = export(model, mode[0], Path(folder) / "graphs")
                answer: dict[str, Any] = shape_of(path) | {"seconds": seconds}
                session = OrtDecoderSession(runnable_graph(path), 1, CTX_LEN) if mode == ["plain"] else None
            else:
                assert session is not None
                answer = {"seconds": decode(session)}
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
