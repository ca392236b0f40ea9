"""A compiled program on one or more cards: its tensors, the sizes it was compiled for, and its calls.

A program is called with all of its inputs and outputs as buffers, each with its size in bytes and its dimensions. What
it retains from call to call stays on the device: such a tensor's buffers, as input and as output, are left empty. A
program holds several sets of sizes, its specializations, and the dimensions of a call choose one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qeff_codegen.decoding.cloud_runtime import CloudRuntime
from qeff_codegen.errors import EXIT_DIFFERENCES, QEffCodegenError, UsageError
from qeff_codegen.export.graph_io import retained_state_name

# How long the host waits for a call, in ms; QEfficient's value. SDK 1.22.0.120 has the first of the two names alone,
# and before it QEfficient set the second (its pull request 1011).
_TIMEOUT_MS = 60_000
_TIMEOUT_NAMES = ("dataPathTimeoutMs", "SubmitRetryTimeoutMs")

Shape = tuple[int, ...]


class DeviceError(QEffCodegenError):
    """The runtime or the device reported an error; the message says at what, and of which program."""

    exit_code = EXIT_DIFFERENCES


class LoadedProgram:
    """A program that is active on its cards until `close`.

    Args:
        folder: the program's folder, as the compiler wrote it.
        device_ids: the cards it runs on, as many as it was compiled for.
        runtime: Qualcomm's runtime.

    Attributes:
        input_names, output_names: of all tensors, those that are retained included, in the program's order.

    Raises:
        UsageError: a tensor has a type that is not read here.
        DeviceError: the program cannot be loaded, or not on these cards.
    """

    def __init__(self, folder: Path, device_ids: Sequence[int], runtime: CloudRuntime) -> None:
        self._qaicrt = qaicrt = runtime.qaicrt
        self._where = f"{folder} on {_cards(device_ids)}"
        context = qaicrt.Context(qaicrt.QIDList(list(device_ids)))
        self._queue = qaicrt.Queue(context, device_ids[0])
        qpc = qaicrt.Qpc(str(folder))
        described = self._described(qpc, runtime)
        bindings = sorted(described.selected_set.bindings, key=lambda binding: binding.index)
        unknown = [binding.name for binding in bindings if binding.type not in runtime.types]
        if unknown:
            raise UsageError(f"{folder} has tensors of a type that is not read here: {', '.join(unknown)}.")
        self._index = {binding.name: place for place, binding in enumerate(bindings)}
        self._types = [runtime.types[binding.type] for binding in bindings]
        is_input = runtime.descriptions.BUFFER_IO_TYPE_INPUT
        self.input_names = [binding.name for binding in bindings if binding.dir == is_input]
        self.output_names = [binding.name for binding in bindings if binding.dir != is_input]
        kept = [name for name in self.input_names if retained_state_name(name) in self.output_names]
        self._retained = {*kept, *map(retained_state_name, kept)}
        # A program of one specialization lists no others.
        listed = [[tuple(each.dims) for each in allowed.shapes] for allowed in described.allowed_shapes]
        self._sizes: list[list[Shape]] = listed or [[tuple(binding.dims) for binding in bindings]]
        properties = qaicrt.QAicProgramProperties()
        known = next((name for name in _TIMEOUT_NAMES if hasattr(properties, name)), None)
        if known is not None:
            setattr(properties, known, _TIMEOUT_MS)
        if len(device_ids) > 1:
            properties.devMapping = ":".join(map(str, device_ids))
        only = device_ids[0] if len(device_ids) == 1 else None
        self._program = qaicrt.Program(context, only, qpc, properties)
        self._expect(self._program.load(), "be loaded")
        self._program.activate()
        self._call = qaicrt.ExecObj(context, self._program)

    def close(self) -> None:
        """Takes the program off its cards, with all that it retains; it is not called again."""
        del self._call
        self._program.deactivate()

    def sizes_of(self, name: str) -> list[Shape]:
        """The dimensions of a tensor in each specialization."""
        return [sizes[self._index[name]] for sizes in self._sizes]

    def type_of(self, name: str) -> np.dtype[Any]:
        """The type in which the device takes or gives a tensor."""
        return self._types[self._index[name]]

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """One call; what is retained stays on the device.

        Args:
            inputs: every input that is not retained, of the dimensions of some specialization. One that is retained
                is replaced where it is given. Floats are converted to the type in which the device takes them.

        Returns:
            Every output that is not retained.

        Raises:
            UsageError: an input is missing, unknown or of another type, or no specialization has these dimensions.
            DeviceError: the call failed.
        """
        given = {name: self._converted(name, array) for name, array in self._checked(inputs).items()}
        sizes = self._specialization(given)
        buffers, dimensions = [], []
        for name, place in self._index.items():
            if name in given:
                array = given[name]
            elif name in self._retained:
                # An empty buffer, with the dimensions that QEfficient's skip_buffers gives it.
                array = np.array([])
            else:
                array = np.zeros(sizes[place], self._types[place])
            buffers.append(self._qaicrt.QBuffer(array.tobytes()))
            dimensions.append((array.itemsize, array.shape))
        in_order = self._qaicrt.BufferDimensionsVecRef(dimensions)
        self._expect(self._call.setData(buffers, in_order), "take its buffers")
        self._expect(self._queue.enqueue(self._call), "be called")
        self._expect(self._call.waitForCompletion(), "finish a call")
        status, results = self._call.getData()
        self._expect(status, "give its results")
        return {name: self._array(name, results, sizes) for name in self.output_names if name not in self._retained}

    def _described(self, qpc: Any, runtime: CloudRuntime) -> Any:
        """What the program says of its tensors and specializations."""
        status, text = qpc.getIoDescriptor()
        self._expect(status, "be read")
        described = runtime.descriptions.IoDesc()
        described.ParseFromString(bytes(text))
        return described

    def _checked(self, inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        needed = set(self.input_names) - self._retained
        wrong = sorted((needed - set(inputs)) | (set(inputs) - set(self.input_names)))
        if wrong:
            raise UsageError(
                f"the program takes {', '.join(name for name in self.input_names if name in needed)}; missing or not "
                f"among them: {', '.join(wrong)}. Compile one for these inputs."
            )
        return inputs

    def _converted(self, name: str, array: np.ndarray) -> np.ndarray:
        own = self.type_of(name)
        if array.dtype != own and {array.dtype.kind, own.kind} != {"f"}:
            raise UsageError(f"{name} is {array.dtype}, and the program takes {own}. Compile one for this graph.")
        return np.ascontiguousarray(array, own)

    def _specialization(self, given: Mapping[str, np.ndarray]) -> list[Shape]:
        """The dimensions of all tensors in the specialization that the call is of."""
        for sizes in self._sizes:
            if all(sizes[self._index[name]] == array.shape for name, array in given.items()):
                return sizes
        asked = ", ".join(f"{name} {_shown(array.shape)}" for name, array in given.items())
        known = "\n".join(
            "  " + ", ".join(f"{name} {_shown(sizes[self._index[name]])}" for name in given) for sizes in self._sizes
        )
        raise UsageError(
            f"no program was compiled for a call of {asked}. There are those for:\n{known}\n"
            "Compile one for these sizes."
        )

    def _array(self, name: str, results: Sequence[Any], sizes: Sequence[Shape]) -> np.ndarray:
        place = self._index[name]
        return np.frombuffer(bytes(results[place]), self._types[place]).reshape(sizes[place])

    def _expect(self, status: Any, what: str) -> None:
        if status != self._qaicrt.QStatus.QS_SUCCESS:
            raise DeviceError(
                f"the program {self._where} could not {what}: the runtime gives {status}. What it says of it stands "
                "above, or in the system's log; `/opt/qti-aic/tools/qaic-util -q` shows whether the cards are ready."
            )


def _cards(device_ids: Sequence[int]) -> str:
    plural = "s" if len(device_ids) > 1 else ""
    return f"device{plural} {', '.join(map(str, device_ids))}"


def _shown(shape: Shape) -> str:
    return f"[{', '.join(map(str, shape))}]"
