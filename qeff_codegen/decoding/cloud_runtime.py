"""Qualcomm's Python runtime for Cloud AI 100, where it is installed.

It comes with the Platform SDK, not from a package index: `qaicrt` runs programs, and `QAicApi_pb2` reads what a
program says of its inputs and outputs. Where they stand and how they are called is as in QEfficient's
`generation/cloud_infer.py` (August 2026).
"""

from __future__ import annotations

import importlib
import platform
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from qeff_codegen.errors import UsageError

RUNTIME = "qaicrt"
DESCRIPTIONS = "QAicApi_pb2"
# Where the SDK puts them; neither folder is on the path of an interpreter by itself.
_FOLDERS = {RUNTIME: f"/opt/qti-aic/dev/lib/{platform.machine()}", DESCRIPTIONS: "/opt/qti-aic/dev/python"}
# What a tensor of a program is, by the names of the SDK's own numbers. bfloat16 is left out: NumPy has none.
_TYPES = {
    "FLOAT_TYPE": np.float32,
    "FLOAT_16_TYPE": np.float16,
    "INT8_Q_TYPE": np.int8,
    "UINT8_Q_TYPE": np.uint8,
    "INT16_Q_TYPE": np.int16,
    "INT32_Q_TYPE": np.int32,
    "INT32_I_TYPE": np.int32,
    "INT64_I_TYPE": np.int64,
    "INT8_TYPE": np.int8,
}


@dataclass(frozen=True)
class CloudRuntime:
    """The SDK's two modules.

    Attributes:
        qaicrt: the runtime.
        descriptions: the protobuf module that reads a program's description of itself.
        types: the NumPy type of each type of tensor, by the SDK's number for it.
    """

    qaicrt: Any
    descriptions: Any
    types: dict[int, np.dtype[Any]]


def cloud_runtime() -> CloudRuntime:
    """The runtime, imported now.

    Raises:
        UsageError: it is not installed, or cannot be imported.
    """
    qaicrt, descriptions = (_imported(name) for name in (RUNTIME, DESCRIPTIONS))
    # An SDK that has not heard of a type has no tensor of it.
    types = {getattr(descriptions, name): np.dtype(own) for name, own in _TYPES.items() if hasattr(descriptions, name)}
    return CloudRuntime(qaicrt, descriptions, types)


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except Exception:  # of what lies elsewhere on the path too
        folder = _FOLDERS[name]
        if folder not in sys.path:
            sys.path.append(folder)
    try:
        return importlib.import_module(name)
    except Exception as error:  # protobuf has errors of its own for modules that another release of it made
        raise UsageError(
            f"Running on a device needs the module `{name}` of Qualcomm's Platform SDK, which this Python cannot "
            f"import: {type(error).__name__}: {error}.\n"
            f"It is looked for on Python's path and in {folder}. Install the Platform SDK, or leave out --device to "
            "run on this machine."
        ) from error
