"""The second way to a graph: PyTorch's own tracer, torch.export, and its translation to ONNX.

It traces with sizes that are symbols, so what it gives holds for every size from 2 or is an error, where the
TorchScript exporter traces one example; about a size of 1 it reasons as if there were none, which ONNX's broadcasting
makes good. A model with a branch that depends on values cannot be traced; TorchScript's exporter is there for it.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import onnx_ir
import torch
from torch import nn
from torch.export import Dim

from qeff_codegen.errors import QEffCodegenError, UsageError
from qeff_codegen.export.graph_io import (
    ExportSpec,
    LayerShapes,
    axis_limit,
    dynamic_axes,
    input_names,
    kv_names,
    optional_input_names,
    output_names,
)
from qeff_codegen.export.proved_operators.check import check_program
from qeff_codegen.export.proved_operators.torch_export_calls import lines_recorded
from qeff_codegen.export.translations.of_torch_export import TRANSLATIONS_OF_TORCH_EXPORT
from qeff_codegen.runtime.constants import ONNX_DYNAMO_EXPORT_OPSET
from qeff_codegen.runtime.customop.ctx_scatter_gather import ctx_gather_function, ctx_scatter_function
from qeff_codegen.runtime.customop.ctx_scatter_gather_cb import ctx_gather_cb_function, ctx_scatter_cb_function
from qeff_codegen.runtime.customop.ctx_scatter_rows import ctx_scatter_cb_3d_function
from qeff_codegen.runtime.customop.onnx_nodes import operators_as_onnx_nodes
from qeff_codegen.runtime.customop.rms_norm import rms_norm_function

_CUSTOM_OPERATORS: tuple[Callable[[int], Any], ...] = (
    ctx_scatter_function,
    ctx_gather_function,
    ctx_scatter_cb_function,
    ctx_gather_cb_function,
    ctx_scatter_cb_3d_function,
    rms_norm_function,
)


def traced_with_torch_export(
    interface: nn.Module, inputs: tuple[Any, ...], shapes: list[LayerShapes], spec: ExportSpec
) -> onnx_ir.Model:
    """The graph of a decoder, with the names of inputs, outputs and axes that every graph has.

    Args:
        interface: takes tokens, positions, the cache tensors of each layer and a list of optional inputs; its
            `decoder` is the model, and weights are named as that names them.
        inputs: an example, each axis that is dynamic longer than 1.
        shapes: the cache's layers.
        spec: which inputs the graph takes.

    Raises:
        UsageError: the model is of float16, or cannot be traced, or an operator of it not translated.
        Refusal: the trace holds an operator whose translation was not proved.
    """
    if any(parameter.dtype is torch.float16 for parameter in interface.parameters()):
        raise UsageError(
            f"{type(interface.decoder).__name__} cannot be exported with dynamo in float16: translations are proved "
            "in float32 alone.\nExport it in float32, or without dynamo."
        )
    try:
        with operators_as_onnx_nodes(), _quiet():
            with lines_recorded():
                program = torch.export.export(
                    interface, inputs, dynamic_shapes=_dynamic_shapes(shapes, spec), strict=False
                )
            check_program(program)
            exported = torch.onnx.export(
                program,
                (),
                input_names=input_names(spec, shapes),
                output_names=output_names(spec, shapes),
                opset_version=ONNX_DYNAMO_EXPORT_OPSET,
                dynamo=True,
                custom_translation_table=TRANSLATIONS_OF_TORCH_EXPORT,
                optimize=False,
                verbose=False,
            )
    except QEffCodegenError:
        raise
    except Exception as error:  # tracer and translation raise what they like, generated code too
        raise UsageError(
            f"{type(interface.decoder).__name__} cannot be exported with dynamo: {_in_short(error)}\n"
            "Export it without dynamo; the TorchScript exporter takes more."
        ) from error
    assert exported is not None
    model = exported.model
    _name_axes(model.graph, shapes, spec)
    for value in list(model.graph.initializers.values()):
        assert value.name is not None
        value.name = value.name.removeprefix("decoder.")
    _add_functions(model)
    return model


def _dynamic_shapes(shapes: list[LayerShapes], spec: ExportSpec) -> dict[str, Any]:
    """Which axes of the example's tensors are dynamic, in the structure of the interface's arguments."""
    axes = dynamic_axes(spec, shapes)
    names = {name for of_value in axes.values() for name in of_value.values()}
    dims = {name: Dim(name, min=1, max=axis_limit(name, spec)) for name in names}

    def of(name: str) -> dict[int, Any]:
        return {axis: dims[dim] for axis, dim in axes[name].items()}

    names_left = iter(kv_names(shapes))
    return {
        "input_ids": of("input_ids"),
        "position_ids": of("position_ids"),
        "past_key_values": [tuple(of(next(names_left)) for _ in layer) for layer in shapes],
        "optional_inputs": [of(name) for name in optional_input_names(spec)],
    }


def _name_axes(graph: onnx_ir.Graph, shapes: list[LayerShapes], spec: ExportSpec) -> None:
    """Give every symbol its axis's name; the tracer calls them s17 and the like."""
    axes = dynamic_axes(spec, shapes)
    names = {}
    for value in graph.inputs:
        assert value.name is not None and value.shape is not None
        for axis, name in axes[value.name].items():
            names[str(value.shape[axis])] = name
    for value in _values(graph):
        if value.shape is not None:
            value.shape = onnx_ir.Shape(_named(dim, names) for dim in value.shape)


def _named(dim: int | onnx_ir.SymbolicDim, names: dict[str, str]) -> int | str | None:
    if isinstance(dim, int) or dim.value is None:
        return dim if isinstance(dim, int) else None
    return re.sub(r"\w+", lambda symbol: names.get(symbol[0], symbol[0]), str(dim.value))


def _values(graph: onnx_ir.Graph) -> Iterator[onnx_ir.Value]:
    yield from graph.inputs
    for node in graph:
        yield from node.outputs


def _add_functions(model: onnx_ir.Model) -> None:
    """Give the model the bodies of the custom operators that it uses."""
    used = {(node.domain, node.op_type) for node in model.graph}
    for function in (make(ONNX_DYNAMO_EXPORT_OPSET) for make in _CUSTOM_OPERATORS):
        if (function.opset.domain, function.name) in used:
            body: Any = onnx_ir.from_proto(function.to_function_proto())
            model.functions[body.identifier()] = body


@contextmanager
def _quiet() -> Iterator[None]:
    """Hides what PyTorch says of itself, and of packages that a decoder needs not, such as torchvision."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logger.setLevel(level)


def _in_short(error: BaseException) -> str:
    """The first cause in a line: what stands around it are pages of hints to those who know the tracer."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    told = next((line.removeprefix("- ") for line in lines if line.startswith("- ")), lines[0])
    return f"{type(error).__name__}: {told}"
