"""Leaves out of the TorchScript exporter what takes an eighth of its time and decides nothing of our graph.

What is replaced here is private to the PyTorch release that this project is pinned to; another one that does not have
it is told by an AttributeError.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.onnx._internal.torchscript_exporter import utils as exporter

_split_tensor_list_constants = exporter._split_tensor_list_constants


@contextmanager
def idle_passes_left_out() -> Iterator[None]:
    """Ten checks of the exporter's own work, and a search for lists of tensors where there is none."""
    with ExitStack() as replaced:
        replaced.enter_context(_replaced(torch._C, "_jit_pass_lint", _nothing))
        replaced.enter_context(_replaced(exporter, "_split_tensor_list_constants", _split_if_there_are_any))
        yield


@contextmanager
def inner_shapes_left_out() -> Iterator[None]:
    """Two inferences of every inner value's shape, for who forgets these shapes.

    Every node's is inferred already while it is translated, which translating the next one needs.
    """
    with _replaced(torch._C, "_jit_pass_onnx_graph_shape_type_inference", _nothing):
        yield


@contextmanager
def _replaced(owner: Any, name: str, replacement: Any) -> Iterator[None]:
    original = getattr(owner, name)
    setattr(owner, name, replacement)
    try:
        yield
    finally:
        setattr(owner, name, original)


def _nothing(*arguments: Any) -> None:
    """Takes a pass's place."""


def _split_if_there_are_any(graph: Any, block: Any) -> None:
    """PyTorch's own asks every node of the graph in two more expensive ways."""
    constants = graph.findAllNodes("prim::Constant", True)
    if any(_is_list_of_tensors(node.output().type()) for node in constants):
        _split_tensor_list_constants(graph, block)


def _is_list_of_tensors(kind: Any) -> bool:
    """Whether there may be tensors in it, missing ones among them."""
    return kind.kind() == "ListType" and kind.getElementType().kind() in ("TensorType", "OptionalType")
