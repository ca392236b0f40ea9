"""Custom operators while one of our exporters traces them, instead of what they compute.

The TorchScript exporter asks an autograd function for its ONNX form; torch.export looks into it. So for the latter the
functions put PyTorch's stand-in for an ONNX node into the trace. The former traces what they compute and throws it
away, so they give it zeros. Both only where `operators_as_onnx_nodes` and `operators_as_zeros` say so: a model that
somebody else exports keeps what it computes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import torch

_WANTED = ContextVar("custom operators become ONNX nodes", default=False)
_ZEROS = ContextVar("custom operators give zeros", default=False)


@contextmanager
def operators_as_onnx_nodes() -> Iterator[None]:
    """Lets custom operators be ONNX nodes in what torch.export traces."""
    with _true(_WANTED):
        yield


@contextmanager
def operators_as_zeros() -> Iterator[None]:
    """Lets custom operators give zeros of the right shape, where nothing but shapes is looked at."""
    with _true(_ZEROS):
        yield


@contextmanager
def _true(wanted: ContextVar[bool]) -> Iterator[None]:
    token = wanted.set(True)
    try:
        yield
    finally:
        wanted.reset(token)


def are_zeros() -> bool:
    """Whether a custom operator is to give zeros now."""
    return _ZEROS.get()


def are_onnx_nodes() -> bool:
    """Whether a custom operator is to be an ONNX node now."""
    return _WANTED.get()


def onnx_node(
    domain: str,
    operator: str,
    inputs: Sequence[torch.Tensor | int],
    shape: Sequence[int | torch.SymInt],
    **attributes: float,
) -> torch.Tensor:
    """The result of an ONNX node, with the type of its first input.

    Args:
        domain: the operator's domain, of which it is version 1.
        operator: its name.
        inputs: tensors, and lengths that become tensors.
        shape: the result's.
        attributes: the node's.
    """
    tensors = [each if isinstance(each, torch.Tensor) else torch.full((), each, dtype=torch.int64) for each in inputs]
    return torch.onnx.ops.symbolic(
        f"{domain}::{operator}", tensors, {**attributes}, dtype=tensors[0].dtype, shape=shape, version=1
    )
