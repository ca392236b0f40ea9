"""Writes a QEff model as the ONNX graph that `qaic-compile` reads and onnxruntime runs."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import onnx_ir
import torch
from onnx_ir.passes.common import CommonSubexpressionEliminationPass, IdentityEliminationPass
from torch import nn

from qeff_codegen.errors import UsageError
from qeff_codegen.runtime.cache_utils import every_layer_for_itself
from qeff_codegen.runtime.constants import ONNX_EXPORT_OPSET
from qeff_codegen.runtime.graph_io import (
    ExportSpec,
    LayerShapes,
    dynamic_axes,
    in_graph_order,
    input_names,
    optional_input_names,
    output_names,
)
from qeff_codegen.runtime.kv_cache import allocate_kv_cache, check_ctx_len, kv_cache_shapes
from qeff_codegen.runtime.layer_scopes import Layers, by_node_name, repeated_layers
from qeff_codegen.runtime.missing_operators import register_missing_operators
from qeff_codegen.runtime.subfunctions import outline_layers
from qeff_codegen.runtime.torch_decoder import cache_of

# A protobuf message holds less than 2 GiB, and the weights are part of the message.
MAX_WEIGHT_BYTES = 2**31 - 1

# Sizes of the example the exporter traces. The axes are dynamic, so any will do that is not 1 (a size of 1
# broadcasts) and makes tracing quick.
_TRACED_BATCH_SIZE = 2
_TRACED_CACHE_ROWS = 3
_TRACED_SEQ_LEN = 4


class _GraphInterface(nn.Module):
    """Gives a QEff model the graph's argument order and flat outputs, whatever its own signature's order is."""

    def __init__(self, decoder: nn.Module, layers: list[LayerShapes], spec: ExportSpec) -> None:
        super().__init__()
        self.decoder = decoder
        self.layers = layers
        self.optional_input_names = optional_input_names(spec)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the model's own, from which the exporter names the weights: by the names upstream gives them."""
        return self.decoder.state_dict(*args, **kwargs)

    def forward(
        self,
        input_ids: torch.Tensor,
        position_ids: torch.Tensor,
        past_key_values: list[tuple[torch.Tensor, torch.Tensor]],
        *optional_inputs: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        outputs = self.decoder(
            input_ids=input_ids,
            position_ids=position_ids,
            past_key_values=self._reordered(past_key_values),
            use_cache=True,
            **dict(zip(self.optional_input_names, optional_inputs, strict=True)),
        )
        return outputs.logits, *(tensor for pair in self._reordered(cache_of(outputs)) for tensor in pair)

    def _reordered(
        self, pairs: Iterable[tuple[torch.Tensor, torch.Tensor]]
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return [in_graph_order(layer, pair) for layer, pair in zip(self.layers, pairs, strict=True)]


def export_onnx(model: nn.Module, onnx_path: Path, spec: ExportSpec) -> Path:
    """Exports with the TorchScript exporter, which is what QEfficient ships.

    Args:
        model: a causal LM whose modules were mapped to their QEff classes, with its weights.
        onnx_path: the file to write; it appears complete or not at all.
        spec: which inputs the graph takes and the context it is meant for.

    Returns:
        `onnx_path`.

    Raises:
        UsageError: the model knows fewer positions than `spec.ctx_len`, its weights do not fit into one file, its
            layers cannot become functions, or the folder cannot be written to.
    """
    config: Any = model.config
    check_ctx_len(config, spec.ctx_len)
    register_missing_operators()
    _check_weight_bytes(model)
    shapes = kv_cache_shapes(model)
    traced = _GraphInterface(model, shapes, spec).train(model.training)
    layers = repeated_layers(traced, model) if spec.use_onnx_subfunctions else None
    cache = every_layer_for_itself() if spec.use_onnx_subfunctions else nullcontext()
    with _folder_beside(onnx_path) as folder:
        partial = folder / onnx_path.name
        with _expected_warnings_silenced(), _buffers_as_initializers(model), cache, torch.no_grad():
            torch.onnx.export(
                traced,
                _example_inputs(model, shapes, spec),
                str(partial),
                input_names=input_names(spec, shapes),
                output_names=output_names(shapes),
                dynamic_axes=dynamic_axes(spec, shapes),
                opset_version=ONNX_EXPORT_OPSET,
                dynamo=False,
            )
        _finish(partial, layers)
        os.replace(partial, onnx_path)
    return onnx_path


def _example_inputs(model: nn.Module, shapes: list[LayerShapes], spec: ExportSpec) -> tuple[Any, ...]:
    """Returns what the exporter traces, in the order of the graph's inputs."""
    dtype = next(model.parameters()).dtype
    cache_rows = _TRACED_CACHE_ROWS if spec.continuous_batching else _TRACED_BATCH_SIZE
    seq_len = min(_TRACED_SEQ_LEN, spec.ctx_len)
    input_ids = torch.zeros(_TRACED_BATCH_SIZE, seq_len, dtype=torch.int64)
    position_ids = torch.arange(seq_len).repeat(_TRACED_BATCH_SIZE, 1)
    cache = allocate_kv_cache(shapes, cache_rows, spec.ctx_len, dtype)
    pairs = [in_graph_order(layer, pair) for layer, pair in zip(shapes, cache, strict=True)]
    inputs: list[Any] = [input_ids, position_ids, pairs]
    if spec.continuous_batching:
        inputs.append(torch.arange(_TRACED_BATCH_SIZE).unsqueeze(1))
    if spec.compute_context_length:
        inputs.append(torch.zeros(max(1, spec.ctx_len - 1), dtype=torch.int64))
    return tuple(inputs)


@contextmanager
def _expected_warnings_silenced() -> Iterator[None]:
    """Hides what the exporter says about every decoder: it is deprecated, and it traces lengths and indexing.

    The cache compares lengths to share slots between layers, which holds for any length; and the index that picks
    each row's last token is never negative.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        warnings.filterwarnings("ignore", message="Exporting aten::index operator of advanced indexing")
        yield


@contextmanager
def _buffers_as_initializers(model: nn.Module) -> Iterator[None]:
    """Makes every buffer part of the state dict, such as the rotary tables.

    The exporter writes what is in the state dict as one initializer each, and repeats anything else as a constant
    wherever it is used.
    """
    hidden = {module: module._non_persistent_buffers_set for module in model.modules()}
    try:
        for module in hidden:
            module._non_persistent_buffers_set = set()
        yield
    finally:
        for module, names in hidden.items():
            module._non_persistent_buffers_set = names


def _finish(onnx_path: Path, layers: Layers | None) -> None:
    """Rewrites the exporter's file with fewer nodes, functions of `layers` and the shape of the logits."""
    graph_model = onnx_ir.load(onnx_path)
    if layers is not None:
        outline_layers(graph_model, layers, by_node_name(layers))
    # Most of what computes the same are constants; about 4 nodes in 10 go.
    CommonSubexpressionEliminationPass()(graph_model)
    IdentityEliminationPass()(graph_model)
    # The exporter cannot infer that one token per row is left.
    logits = graph_model.graph.outputs[0]
    assert logits.shape is not None
    logits.shape = onnx_ir.Shape([logits.shape[0], 1, logits.shape[2]])
    onnx_ir.save(graph_model, onnx_path)


def _check_weight_bytes(model: nn.Module) -> None:
    # Shared weights count each time they are used: folding a projection's transpose gives it its own copy.
    tensors = [tensor for _, tensor in model.named_parameters(remove_duplicate=False)] + list(model.buffers())
    total = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    if total > MAX_WEIGHT_BYTES:
        raise UsageError(
            f"the weights take {total / 2**30:.1f} GiB, and one ONNX file holds less than 2 GiB; weights in separate "
            "files are not supported yet. Export fewer layers (num_hidden_layers) or a smaller model of the family."
        )


@contextmanager
def _folder_beside(onnx_path: Path) -> Iterator[Path]:
    """Makes a folder on the same file system as `onnx_path`, from which the finished file is renamed into place."""
    if onnx_path.is_dir():
        raise UsageError(f"cannot write {onnx_path}: it is a folder. Pass the path of a file.")
    try:
        onnx_path.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=onnx_path.parent, prefix=f".{onnx_path.name}.")
    except OSError as error:
        raise UsageError(
            f"cannot write {onnx_path}: {error.strerror} ({error.filename}). Choose a folder you may write to."
        ) from error
    with folder as name:
        yield Path(name)
