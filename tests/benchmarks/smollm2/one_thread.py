"""ONNX Runtime with as many threads as every side has. Imported in optimum-onnx's environment too."""

from __future__ import annotations

import onnxruntime as ort

from tests.benchmarks.smollm2.decoding import THREADS


class Options(ort.SessionOptions):
    """Session options with this number of threads."""

    def __init__(self) -> None:
        super().__init__()
        self.intra_op_num_threads = THREADS
