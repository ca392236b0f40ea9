"""Stands in for Qualcomm's runtime in tests, as two modules. It has no device: it runs the graph on ONNX Runtime.

It knows what QEfficient's `generation/cloud_infer.py` calls, and nothing else. On the way it checks, strictly: cards
and how a program is put on them, the order of calls, the number of buffers, each one's bytes, its type and its
dimensions, that only what is retained is left empty, and that one specialization has exactly these dimensions. What
is retained is in no buffer: it stays here, in the precision of `custom_io.yaml`, from call to call.

A breach of how the runtime is used raises `Misuse`; dimensions that nothing was compiled for end a call with an error,
as on a device.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

SUFFIX = "_RetainedState"
# The SDK's numbers for types are its own; these are only told apart.
NUMBERS = {
    "FLOAT_TYPE": 1,
    "FLOAT_16_TYPE": 2,
    "INT8_Q_TYPE": 3,
    "UINT8_Q_TYPE": 4,
    "INT16_Q_TYPE": 5,
    "INT32_Q_TYPE": 6,
    "INT32_I_TYPE": 7,
    "INT64_I_TYPE": 8,
    "INT8_TYPE": 9,
}
# A sampler's buffers are bool on the device, and never in a buffer; any type does.
OF_NUMPY = {"float32": "FLOAT_TYPE", "float16": "FLOAT_16_TYPE", "int64": "INT64_I_TYPE", "int32": "INT32_I_TYPE"}
OF_NUMPY |= {"bool": "INT8_TYPE"}
PRECISIONS = {"float16": "float16", "float32": "float32", "mxint8": "float16"}
INPUT, OUTPUT = 1, 2


class Misuse(AssertionError):
    """The runtime was used as it cannot be."""


def require(holds: bool, what: str) -> None:
    if not holds:
        raise Misuse(what)


class Qpc:
    """A program's folder, as the stand-in compiler wrote it."""

    def __init__(self, folder: str) -> None:
        file = Path(folder) / "programqpc.bin"
        require(file.is_file(), f"{folder} holds no program")
        found = json.loads(file.read_text())
        self.devices = found["devices"]
        model = onnx.load(found["onnx"], load_external_data=False)
        self.session = ort.InferenceSession(found["onnx"], providers=["CPUExecutionProvider"])
        self.names = [item.name for item in (*model.graph.input, *model.graph.output)]
        self.inputs = [item.name for item in model.graph.input]
        self.retained = [name for name in self.inputs if name + SUFFIX in self.names]
        self.is_kept = {*self.retained, *(name + SUFFIX for name in self.retained)}
        self.graph_types: dict[str, str] = {}
        self.types: dict[str, str] = {}
        self.sizes: list[dict[str, tuple[int, ...]]] = []
        for item in (*model.graph.input, *model.graph.output):
            own = onnx.helper.tensor_dtype_to_np_dtype(item.type.tensor_type.elem_type).name
            self.graph_types[item.name] = own
            self.types[item.name] = (
                PRECISIONS[found["precisions"][item.name]] if item.name in found["precisions"] else own
            )
        for entry in found["specializations"]:
            symbols = {name: int(size) for name, size in entry["symbols"].items()}
            given = {
                item.name: tuple(dim.dim_value or symbols[dim.dim_param] for dim in item.type.tensor_type.shape.dim)
                for item in model.graph.input
            }
            self.sizes.append(given | self.sizes_of_outputs(given))

    def sizes_of_outputs(self, given: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        """As the graph makes them, since some have axes that no input has."""
        feeds = {name: np.zeros(sizes, self.graph_types[name]) for name, sizes in given.items()}
        outputs = [name for name in self.names if name not in self.inputs]
        return {name: found.shape for name, found in zip(outputs, self.session.run(outputs, feeds), strict=True)}

    def getIoDescriptor(self) -> tuple[int, bytes]:
        def each(sizes: dict[str, tuple[int, ...]]) -> list[dict[str, Any]]:
            return [{"type": NUMBERS[OF_NUMPY[self.types[name]]], "dims": sizes[name]} for name in self.names]

        bindings = [
            own | {"name": name, "index": index, "dir": INPUT if name in self.inputs else OUTPUT}
            for index, (name, own) in enumerate(zip(self.names, each(self.sizes[0]), strict=True))
        ]
        allowed = [each(sizes) for sizes in self.sizes] if len(self.sizes) > 1 else []
        return QStatus.QS_SUCCESS, json.dumps({"bindings": bindings, "allowed": allowed}).encode()


class IoDesc:
    def ParseFromString(self, text: bytes) -> None:
        found = json.loads(text)
        self.selected_set = SimpleNamespace(bindings=[SimpleNamespace(**each) for each in found["bindings"]])
        self.allowed_shapes = [
            SimpleNamespace(shapes=[SimpleNamespace(**each) for each in allowed]) for allowed in found["allowed"]
        ]


class QStatus:
    QS_SUCCESS, QS_ERROR = 0, 1


class QIDList(list[int]):
    pass


class Context:
    def __init__(self, devices: QIDList) -> None:
        require(isinstance(devices, QIDList) and len(devices) > 0, "a context takes a list of ids")
        self.devices = list(devices)


class Queue:
    def __init__(self, context: Context, device: int) -> None:
        require(device == context.devices[0], "a queue is on the first card")

    def enqueue(self, call: ExecObj) -> int:
        return call.started()


class QAicProgramProperties:
    __slots__ = ("dataPathTimeoutMs", "devMapping", "selectMask", "submitNumRetries")

    def __init__(self) -> None:
        self.dataPathTimeoutMs, self.devMapping = 0, ""


class Program:
    made: list[Program] = []

    def __init__(self, context: Context, device: int | None, qpc: Qpc, properties: QAicProgramProperties) -> None:
        mapped = [int(each) for each in properties.devMapping.split(":") if each]
        require(properties.dataPathTimeoutMs > 0, "without a timeout a call may wait for ever")
        require(mapped == (context.devices if device is None else []), f"mapped to {mapped}, cards {context.devices}")
        require(device in (None, context.devices[0]), f"on card {device}, which is not in the context")
        self.qpc, self.devices = qpc, context.devices
        self.is_loaded = self.is_active = False
        Program.made.append(self)

    def load(self) -> int:
        self.is_loaded = len(self.devices) == self.qpc.devices
        return QStatus.QS_SUCCESS if self.is_loaded else QStatus.QS_ERROR

    def activate(self) -> None:
        require(self.is_loaded and not self.is_active, "activated before it is loaded, or twice")
        self.is_active = True
        sizes, types = self.qpc.sizes[0], self.qpc.types
        self.kept = {name: np.zeros(sizes[name], types[name]) for name in self.qpc.retained}

    def deactivate(self) -> None:
        require(self.is_active, "deactivated and not active")
        self.is_active = False
        del self.kept


class QBuffer:
    def __init__(self, content: bytes) -> None:
        require(isinstance(content, bytes), "a buffer is made of bytes")
        self.content = content

    @property
    def size(self) -> int:
        return len(self.content)

    def __bytes__(self) -> bytes:
        return self.content


class BufferDimensionsVecRef(list[tuple[int, Sequence[int]]]):
    pass


class ExecObj:
    def __init__(self, context: Context, program: Program) -> None:
        require(program.is_active, "a call of a program that is not active")
        self.program = program

    def setData(self, buffers: list[QBuffer], dimensions: BufferDimensionsVecRef) -> int:
        qpc = self.program.qpc
        require(isinstance(dimensions, BufferDimensionsVecRef), "dimensions come in the runtime's own list")
        require(len(buffers) == len(dimensions) == len(qpc.names), "a buffer and dimensions for each tensor")
        self.given: dict[str, tuple[bytes, tuple[int, ...]]] = {}
        for name, buffer, (size, dims) in zip(qpc.names, buffers, dimensions, strict=True):
            require(buffer.size == size * math.prod(dims), f"{name}: {buffer.size} bytes for {size} x {dims}")
            if buffer.size == 0:
                require(name in qpc.is_kept, f"{name} is left empty and is not retained")
                continue
            require(not name.endswith(SUFFIX), f"{name} is retained, and is asked for")
            own = np.dtype(qpc.types[name])
            require(size == own.itemsize, f"{name}: numbers of {size} bytes, and the program's are {own}")
            self.given[name] = (bytes(buffer), tuple(dims))
        self.state = "set"
        return QStatus.QS_SUCCESS

    def started(self) -> int:
        require(self.program.is_active and self.state == "set", "called without data, or after its program")
        self.state = "started"
        return QStatus.QS_SUCCESS

    def waitForCompletion(self) -> int:
        require(self.state == "started", "waited for before it is called")
        qpc, kept = self.program.qpc, self.program.kept
        fitting = [sizes for sizes in qpc.sizes if all(sizes[name] == dims for name, (_, dims) in self.given.items())]
        if len(fitting) != 1:
            return QStatus.QS_ERROR
        feeds = {}
        for name in qpc.inputs:
            if name in self.given:
                content, dims = self.given[name]
                array = np.frombuffer(content, qpc.types[name]).reshape(dims)
            else:
                array = kept[name]
            feeds[name] = array.astype(qpc.graph_types[name])
        outputs = [name for name in qpc.names if name not in qpc.inputs]
        found = dict(zip(outputs, qpc.session.run(outputs, feeds), strict=True))
        for name in qpc.retained:
            kept[name] = found[name + SUFFIX].astype(qpc.types[name])
        self.results = []
        for name in qpc.names:
            asked = name in self.given and name in found
            require(
                not asked or found[name].shape == self.given[name][1], f"{name} is {found.get(name)} and not asked so"
            )
            self.results.append(QBuffer(found[name].astype(qpc.types[name]).tobytes() if asked else b""))
        self.state = "done"
        return QStatus.QS_SUCCESS

    def getData(self) -> tuple[int, list[QBuffer]]:
        require(self.state == "done", "results before the call is done")
        return QStatus.QS_SUCCESS, self.results


def modules() -> dict[str, ModuleType]:
    """The two modules, by the names under which they are imported."""
    runtime, descriptions = ModuleType("qaicrt"), ModuleType("QAicApi_pb2")
    own_classes = (Context, ExecObj, Program, QAicProgramProperties, QBuffer, QIDList, QStatus, Qpc, Queue)
    for each in (*own_classes, BufferDimensionsVecRef):
        setattr(runtime, each.__name__, each)
    directions = {"BUFFER_IO_TYPE_INPUT": INPUT, "BUFFER_IO_TYPE_OUTPUT": OUTPUT}
    for name, own in (NUMBERS | directions | {"IoDesc": IoDesc}).items():
        setattr(descriptions, name, own)
    return {"qaicrt": runtime, "QAicApi_pb2": descriptions}
