"""The operator sets that the custom operators belong to and are written in."""

from __future__ import annotations

from typing import Any

import onnxscript

# The domains, and their version 1, by which the compiler knows the operators.
CLOUD = onnxscript.values.Opset("com.qualcomm.cloud", 1)
AISW = onnxscript.values.Opset("com.qti.aisw.onnx", 1)


def standard_operators(opset: int) -> Any:
    """What the bodies are written in: ONNX's own operators, as of an opset.

    Not typed, because onnxscript's hints are for eager tensors: they accept neither the lists that a script turns into
    constants nor one operator's result as the next one's input.
    """
    return getattr(onnxscript, f"opset{opset}")
