"""Runs a graph of any size on ONNX Runtime and gives every tensor that it computes, never with all weights in memory.

The graph is cut where its weights so far fill a part. A part runs for one call after the other before the next part is
loaded, so each weight is read once. That needs all tokens beforehand, and what a call leaves for the next, such as a
cache, made in the part that takes it. A product with a matrix that is too large for a part, as that of the vocabulary
may be, is computed from a few of its rows at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

from qeff_codegen.preflight.large_products import FLOAT32_BYTES, Product, products_in

# Of a part's weights in float32, in which a CPU computes with those of float16 too.
PART_BYTES = 64 * 2**20

Nodes = Sequence[onnx.NodeProto]
Call = dict[str, Any]


@dataclass(frozen=True)
class _Part:
    """What is computed at once.

    Attributes:
        nodes: of the graph.
        product: what they are, where they are a product with a large matrix.
    """

    nodes: Nodes
    product: Product | None = None

    @property
    def reads(self) -> set[str]:
        """The names of what it is computed from."""
        if self.product is not None:
            return {self.product.factor}
        return {name for node in self.nodes for name in _read_by(node)} - self.makes

    @property
    def makes(self) -> set[str]:
        """The names of what it computes."""
        return {name for node in self.nodes for name in node.output if name}


class PartedRun:
    """A graph, cut into parts.

    Args:
        model: the graph, whose nodes stand in the order in which they can be computed.
        folder: where its file is, beside that of its weights.
        watched: the names of the tensors that are looked at.
        carried: which output of a call is which input of the next, by the inputs' names.
        in_one: nothing is cut.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        folder: Path,
        watched: Iterable[str],
        carried: Mapping[str, str],
        *,
        in_one: bool,
    ) -> None:
        self._model, self._folder = model, folder
        self._watched, self._carried = frozenset(watched), dict(carried)
        self._weights = {weight.name: weight for weight in model.graph.initializer}
        self._constants = {node.output[0]: node for node in model.graph.node if node.op_type == "Constant"}
        nodes = [node for node in model.graph.node if node.op_type != "Constant"]
        self._parts = [_Part(nodes)] if in_one else list(self._cut(nodes))
        numbered = list(enumerate(self._parts))
        self._first_part = {name: number for number, part in reversed(numbered) for name in part.reads}
        self._last_part = {name: number for number, part in numbered for name in part.reads}

    def tensors(self, calls: Sequence[Call]) -> Iterator[tuple[str, np.ndarray]]:
        """What is looked at, each as soon as it is computed in each call.

        Args:
            calls: the inputs of each by their names; what is carried, of the first alone.
        """
        # Until it is made, what is carried is that of the first call: for its shape, which stays.
        first = {name: calls[0][name] for name in self._carried}
        known: list[Call] = [first | call for call in calls]
        for number, part in enumerate(self._parts):
            for call, name, computed in self._computed(number, part, known):
                if name in self._watched and isinstance(computed, np.ndarray) and computed.dtype.kind == "f":
                    yield name, computed
                if self._last_part.get(name, -1) > number and name not in self._constants:
                    known[call][name] = computed
            for each in known:
                for name in [name for name in each if self._last_part.get(name, -1) <= number]:
                    del each[name]

    def _computed(self, place: int, part: _Part, known: list[Call]) -> Iterator[tuple[int, str, Any]]:
        """The outputs of a part, each with the number of its call."""
        if part.product is not None:
            factors = [call[part.product.factor] for call in known]
            for number, result in enumerate(part.product.computed(factors, self._folder)):
                yield number, part.product.result, result
            return
        made = part.makes
        carried = {name: output for name, output in self._carried.items() if output in made}
        constants = {name for name in part.reads & self._constants.keys() if self._first_part[name] == place}
        looked_at = (made | constants) & self._watched
        outputs = sorted(looked_at | made & (self._last_part.keys() | set(carried.values())))
        names = sorted(part.reads & known[0].keys())
        session = self._session(part, {name: known[0][name] for name in names}, outputs)
        for number, call in enumerate(known):
            results = dict(zip(outputs, session.run(outputs, {name: call[name] for name in names}), strict=True))
            if number + 1 < len(known):
                known[number + 1].update({name: results[output] for name, output in carried.items()})
            for name, computed in results.items():
                yield number, name, computed

    def _session(self, part: _Part, feeds: Call, outputs: Sequence[str]) -> ort.InferenceSession:
        model = onnx.ModelProto(
            ir_version=self._model.ir_version, opset_import=self._model.opset_import, functions=self._model.functions
        )
        model.graph.name = self._model.graph.name
        reads = sorted(part.reads)
        model.graph.node.extend(self._constants[name] for name in reads if name in self._constants)
        model.graph.node.extend(part.nodes)
        model.graph.initializer.extend(self._weights[name] for name in reads if name in self._weights)
        for name, array in feeds.items():
            element = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
            model.graph.input.append(onnx.helper.make_tensor_value_info(name, element, [None] * array.ndim))
        # ONNX Runtime knows their types itself.
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
        options = ort.SessionOptions()
        # Nothing may be fused or folded away, weights stay where they are mapped, and memory is given back.
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.enable_cpu_mem_arena = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.disable_prepacking", "1")
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(self._folder))
        return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def _cut(self, nodes: Nodes) -> Iterator[_Part]:
        """The nodes, part by part."""
        closed = self._inseparable(nodes)
        large = {name: weight for name, weight in self._weights.items() if _float32_bytes(weight) > PART_BYTES}
        products = {
            index: product
            for index, product in products_in(nodes, large, _uses(nodes, self._model.graph)).items()
            if not closed & {index, index + 1}
        }
        absorbed = {product.transpose for product in products.values()}
        part: list[onnx.NodeProto] = []
        weights: set[str] = set()
        for index, node in enumerate(nodes):
            if index in absorbed:
                continue
            own = {name for name in node.input if name in self._weights}
            size = sum(_float32_bytes(self._weights[name]) for name in weights | own)
            if part and (index in products or (size > PART_BYTES and index not in closed)):
                yield _Part(part)
                part, weights = [], set()
            if index in products:
                yield _Part([node], products[index])
            else:
                part.append(node)
                weights |= own
        if part:
            yield _Part(part)

    def _inseparable(self, nodes: Nodes) -> set[int]:
        """The nodes before which there is no cut: what is carried is taken before, and made by them or later."""
        closed: set[int] = set()
        maker = {name: index for index, node in enumerate(nodes) for name in node.output}
        for taken, output in self._carried.items():
            takers = [i for i, node in enumerate(nodes) if taken in _read_by(node) and node.op_type != "Shape"]
            if takers and output in maker:
                closed |= set(range(min(takers) + 1, max(maker[output], *takers) + 1))
        return closed


def _read_by(node: onnx.NodeProto) -> set[str]:
    """The names that a node reads, in its subgraphs too."""
    inner = (each for attribute in node.attribute for each in (attribute.g, *attribute.graphs))
    return {name for name in node.input if name} | {
        name for graph in inner for each in graph.node for name in _read_by(each)
    }


def _uses(nodes: Nodes, graph: onnx.GraphProto) -> dict[str, int]:
    """How often each tensor is read."""
    uses: dict[str, int] = {}
    for name in (*(name for node in nodes for name in _read_by(node)), *(output.name for output in graph.output)):
        uses[name] = uses.get(name, 0) + 1
    return uses


def _float32_bytes(weight: onnx.TensorProto) -> int:
    return FLOAT32_BYTES * int(np.prod(weight.dims, dtype=np.int64))
