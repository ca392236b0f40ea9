"""The operator sets that the custom operators belong to and are written in."""

from __future__ import annotations

from typing import Any

import onnxscript

from qeff_codegen.runtime.constants import ONNX_EXPORT_OPSET

# The domains, and their version 1, by which the compiler knows the operators.
CLOUD = onnxscript.values.Opset("com.qualcomm.cloud", 1)
AISW = onnxscript.values.Opset("com.qti.aisw.onnx", 1)

# What the bodies are written in. Not typed, because onnxscript's hints are for eager tensors: they accept neither
# the lists that a script turns into constants nor one operator's result as the next one's input.
ops: Any = getattr(onnxscript, f"opset{ONNX_EXPORT_OPSET}")
