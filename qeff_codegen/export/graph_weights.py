"""A model's weights as initializers of its graph, without a copy of them on the way.

The exporter would put them into a protobuf message, which holds less than 2 GiB, and copy them several times before.
So it is given them as inputs, named like the weights, and sees no values. Afterwards each such input becomes an
initializer that reads the model's own tensor when the graph is saved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx_ir
import torch
from onnx_ir.tensor_adapters import TorchTensor
from torch import nn

from qeff_codegen.export.deferred_tensors import made, recipe_of


def weights_of(model: nn.Module) -> dict[str, torch.Tensor]:
    """Returns every parameter and buffer by upstream's name; one that several modules share has the first's."""
    return {name: tensor.detach() for name, tensor in (*model.named_parameters(), *model.named_buffers())}


@contextmanager
def weights_replaced(model: nn.Module, replacements: Iterable[torch.Tensor]) -> Iterator[None]:
    """Puts other tensors in the place of the model's weights, in the order of `weights_of`, and takes them out again.

    `torch.func.functional_call`, which does the same, refuses to while the exporter traces.
    """
    owners: list[Any] = [members for module in model.modules() for members in (module._parameters, module._buffers)]
    own = [dict(members) for members in owners]
    by_identity = dict(zip(map(id, (*model.parameters(), *model.buffers())), replacements, strict=True))
    try:
        for members in owners:
            members.update({name: by_identity[id(tensor)] for name, tensor in members.items() if tensor is not None})
        yield
    finally:
        for members, tensors in zip(owners, own, strict=True):
            members.update(tensors)


def attach_weights(graph: onnx_ir.Graph, model: nn.Module) -> None:
    """Turns the inputs that are named like weights of `model` into initializers.

    Buffers with equal values, such as the rotary tables of two layer types, become one.
    """
    weights = weights_of(model)
    for value in list(graph.inputs):
        if value.name in weights:
            graph.inputs.remove(value)
            value.const_value = _initializer(weights[value.name], value.name)
            graph.register_initializer(value)
    distinct: list[tuple[onnx_ir.Value, torch.Tensor]] = []
    for name, buffer in model.named_buffers():
        if name not in graph.initializers:
            continue  # the exporter leaves out what nothing reads
        value = graph.initializers[name]
        equal = next((other for other, tensor in distinct if _are_equal(tensor, buffer)), None)
        if equal is None:
            distinct.append((value, buffer))
        else:
            value.replace_all_uses_with(equal)


class LaterTensor(onnx_ir.LazyTensor):
    """An initializer that is made when it is written, or asked for its numbers, and not kept.

    Attributes:
        outline: zeros of its shape and type, in memory that is never touched.
    """

    def __init__(self, outline: np.ndarray, make: Callable[[], onnx_ir.TensorProtocol], name: str | None) -> None:
        shape, dtype = onnx_ir.Shape(outline.shape), onnx_ir.DataType.from_numpy(outline.dtype)
        super().__init__(make, dtype=dtype, shape=shape, name=name)
        self.outline = outline

    def tofile(self, file: Any) -> None:
        """Makes and writes it. numpy's own `tofile` hands 4 KiB after 4 KiB to the system."""
        file.write(np.ascontiguousarray(self.numpy()).reshape(-1).view(np.uint8).data)


def _initializer(weight: torch.Tensor, name: str) -> onnx_ir.TensorProtocol:
    """A weight as it is, or where it is deferred, to be made when it is written."""
    if recipe_of(weight) is None:
        return TorchTensor(weight, name=name)
    outline = np.zeros(weight.shape, torch.empty(0, dtype=weight.dtype).numpy().dtype)
    return LaterTensor(outline, lambda: TorchTensor(made(weight), name=name), name)


def _are_equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one, other)
