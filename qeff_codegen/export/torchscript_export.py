"""Calls the TorchScript exporter on what was proved to mean the same in a graph, with the weights as an input.

Decoders and vision towers are exported by this one call, so that neither lacks a check that the other has.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import nn

from qeff_codegen.export.deferred_tensors import deferral_of, recipe_of
from qeff_codegen.export.exporter_errors import errors_refused
from qeff_codegen.export.exporter_shortcuts import idle_passes_left_out
from qeff_codegen.export.graph_weights import weights_of, weights_replaced
from qeff_codegen.export.missing_operators import register_missing_operators
from qeff_codegen.export.proved_operators.check import only_proved_operators
from qeff_codegen.export.recipes import NotDeferredError
from qeff_codegen.runtime.constants import ONNX_EXPORT_OPSET
from qeff_codegen.runtime.customop.onnx_nodes import operators_as_zeros


class WeightsAsLastInput(nn.Module):
    """Stands before an interface among the bases, and takes the weights too, so that the exporter copies none."""

    def weighted(self) -> nn.Module:
        """Returns the module within the interface whose weights these are; the graph names them as it does.

        Raises:
            NotImplementedError: the interface does not say.
        """
        raise NotImplementedError

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Returns nothing: what is in it the exporter would write."""
        return {}

    def forward(self, *inputs: Any) -> Any:
        """Calls the interface with all inputs but the last, which take the weights' places."""
        *others, weights = inputs
        with weights_replaced(self.weighted(), weights):
            return super().forward(*others)


@dataclass(frozen=True)
class GraphNames:
    """What a graph's tensors are called.

    Attributes:
        inputs: in the order in which the interface takes them, without the weights.
        outputs: in the order in which it gives them.
        axes: for each of both, the names of the axes that are not fixed.
    """

    inputs: Sequence[str]
    outputs: Sequence[str]
    axes: Mapping[str, Mapping[int, str]]


def export_with_torchscript(
    interface: WeightsAsLastInput,
    example: tuple[Any, ...],
    path: Path,
    names: GraphNames,
    *,
    looks: AbstractContextManager[None],
) -> onnx.ModelProto:
    """Writes the graph of `interface` to `path`, without its weights, and reads it.

    Args:
        interface: what is exported.
        example: what is traced, without the weights.
        path: a file of the caller's, for the exporter alone.
        names: of inputs, outputs and axes.
        looks: refuses what the trace would keep of the example: `no_frozen_numbers`, or `traced_for_one_size`.

    Returns:
        The graph; the weights are further inputs of it, by the names that `weights_of` gives them.

    Raises:
        Refusal: something is computed that was not proved to mean the same in the graph, or that the exporter can make
            no graph of.
    """
    register_missing_operators()
    weighted = interface.weighted()
    weights = weights_of(weighted)
    refusing = errors_refused(type(weighted).__name__)
    with (
        refusing,
        looks,
        _traced_deferred(weighted),
        operators_as_zeros(),
        idle_passes_left_out(),
        only_proved_operators(),
    ):
        torch.onnx.export(
            interface,
            (*example, list(weights.values())),
            str(path),
            input_names=[*names.inputs, *weights],
            output_names=list(names.outputs),
            dynamic_axes={name: dict(axes) for name, axes in names.axes.items()},
            opset_version=ONNX_EXPORT_OPSET,
            dynamo=False,
        )
    return onnx.load(path)


@contextmanager
def _traced_deferred(weighted: nn.Module) -> Iterator[None]:
    """Traces without computing what is made of deferred weights; passes over the graph go on as ever."""
    jit: Any = torch.jit
    trace = jit._get_trace_graph

    def traced(*arguments: Any, **options: Any) -> Any:
        with deferral_of(weighted):
            graph, *rest = trace(*arguments, **options)
        _check_constants(graph)
        return graph, *rest

    jit._get_trace_graph = traced
    try:
        yield
    finally:
        jit._get_trace_graph = trace


def _check_constants(graph: Any) -> None:
    """Sees that no deferred tensor is a constant of a traced graph, which would be zeros.

    Raises:
        NotDeferredError: one is.
    """
    for node in graph.findAllNodes("prim::Constant", True):
        if node.hasAttribute("value") and node.kindOf("value") == "t" and recipe_of(node.t("value")) is not None:
            raise NotDeferredError("a tensor that is computed of weights is a constant of the graph")


@contextmanager
def expected_warnings_silenced() -> Iterator[None]:
    """Hides what the exporter says about every model: it is deprecated, and it traces numbers and indexing.

    Numbers are looked at in `frozen_numbers`; and the index that picks each row's last token is never negative.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        warnings.filterwarnings("ignore", message="Exporting aten::index operator of advanced indexing")
        yield
