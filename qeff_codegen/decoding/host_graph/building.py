"""New nodes in a graph, in any order: it is sorted when all are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir

MICROSOFT = "com.microsoft"


class NewNodes:
    """Adds nodes and constants to a graph.

    Values that every layer needs are made once, and kept by what they are.
    """

    def __init__(self, graph: onnx_ir.Graph) -> None:
        self._graph = graph
        self._constants: dict[tuple[str, bytes, tuple[int, ...]], onnx_ir.Value] = {}
        self._count = 0

    def node(
        self,
        op_type: str,
        *inputs: onnx_ir.Value,
        domain: str = "",
        attributes: Mapping[str, int | float | list[int]] | None = None,
    ) -> onnx_ir.Value:
        """The one output of a new node."""
        return self.outputs(1, op_type, *inputs, domain=domain, attributes=attributes)[0]

    def outputs(
        self,
        num_outputs: int,
        op_type: str,
        *inputs: onnx_ir.Value,
        domain: str = "",
        attributes: Mapping[str, int | float | list[int]] | None = None,
    ) -> Sequence[onnx_ir.Value]:
        """All outputs of a new node."""
        self._count += 1
        name = f"host_{self._count}"
        node = onnx_ir.node(op_type, inputs, attributes, domain=domain, name=name, num_outputs=num_outputs)
        for number, output in enumerate(node.outputs):
            output.name = f"{name}_output_{number}"
        self._graph.append(node)
        return node.outputs

    def constant(self, array: np.ndarray) -> onnx_ir.Value:
        """A small constant, the same value for the same numbers."""
        key = (array.dtype.str, array.tobytes(), array.shape)
        if key not in self._constants:
            self._constants[key] = self.initializer(f"host_constant_{len(self._constants)}", array)
        return self._constants[key]

    def integers(self, *numbers: int) -> onnx_ir.Value:
        """int64 `[len(numbers)]`."""
        return self.constant(np.array(numbers, dtype=np.int64))

    def initializer(self, name: str, array: np.ndarray) -> onnx_ir.Value:
        """A new initializer."""
        value = onnx_ir.val(name, const_value=onnx_ir.tensor(array, name=name))
        self._graph.register_initializer(value)
        return value
