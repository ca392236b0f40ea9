"""`python -m tests.benchmarks.smollm2.decode_optimum GRAPH TASK`: optimum-onnx's export, on ONNX Runtime alone.

Its own `generate` is slower. What is fed back stays in ONNX Runtime's memory, as on our side.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import onnxruntime as ort

from tests.benchmarks.smollm2.decoding import Task
from tests.benchmarks.smollm2.one_thread import options


def generated(session: ort.InferenceSession, task: Task) -> Iterator[int]:
    """Greedy tokens, the whole prompt in one call."""
    names = [node.name for node in session.get_outputs()]
    past = {
        node.name: ort.OrtValue.ortvalue_from_numpy(np.zeros((1, node.shape[1], 0, node.shape[3]), np.float32))
        for node in session.get_inputs()
        if node.name.startswith("past_key_values")
    }
    tokens = np.array([task.prompt])
    length = 0
    for _ in range(task.new_tokens):
        positions = np.arange(length, length + tokens.shape[1])[None]
        length += tokens.shape[1]
        arrays = {"input_ids": tokens, "position_ids": positions, "attention_mask": np.ones((1, length), np.int64)}
        feeds = past | {name: ort.OrtValue.ortvalue_from_numpy(array) for name, array in arrays.items()}
        outputs = dict(zip(names, session.run_with_ort_values(names, feeds), strict=True))
        past = {name: outputs[name.replace("past_key_values", "present")] for name in past}
        token = int(outputs["logits"].numpy()[0, -1].argmax())
        yield token
        tokens = np.array([[token]])


decoder = ort.InferenceSession(sys.argv[1], options(), providers=["CPUExecutionProvider"])
wanted = Task.parsed(sys.argv[2])
for _ in range(wanted.runs):
    wanted.report(generated(decoder, wanted))
