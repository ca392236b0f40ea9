"""ONNX Runtime with as many threads as every side has. Imported in optimum-onnx's environment too."""

from __future__ import annotations

from typing import Any

import onnxruntime as ort

from tests.benchmarks.smollm2.decoding import THREADS

_made = ort.SessionOptions


def options() -> Any:
    """Session options with this number of threads."""
    found = _made()
    found.intra_op_num_threads = THREADS
    return found
