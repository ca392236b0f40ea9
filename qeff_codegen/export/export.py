"""Writes a QEff model as the ONNX graph that `qaic-compile` reads and onnxruntime runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import onnx_ir
import torch
from torch import nn

from qeff_codegen.export.deferred_tensors import deferral_of, make_all
from qeff_codegen.export.dynamo_export import traced_with_torch_export
from qeff_codegen.export.exporter_shortcuts import inner_shapes_left_out
from qeff_codegen.export.frozen_numbers import no_frozen_numbers
from qeff_codegen.export.graph_file import save_graph, whole_or_not_at_all
from qeff_codegen.export.graph_io import (
    IMAGE_IDX,
    IMAGE_IDX_OUTPUT,
    ExportSpec,
    LayerShapes,
    axis_limits,
    dynamic_axes,
    image_input_names,
    in_graph_order,
    input_names,
    optional_input_names,
    output_names,
    retained_state_name,
    traced_input_names,
    window_of,
    windows_of,
)
from qeff_codegen.export.graph_weights import attach_weights
from qeff_codegen.export.kept_layers import layers_kept
from qeff_codegen.export.kv_cache import allocate_kv_cache, cache_of, check_ctx_len, first_position
from qeff_codegen.export.layer_scopes import by_node_name, by_scope, repeated_layers
from qeff_codegen.export.plain_casts import spell_casts
from qeff_codegen.export.recipes import NotDeferredError
from qeff_codegen.export.sampler_io import NEXT_TOKENS, SAMPLING_INPUTS
from qeff_codegen.export.sampling import Sampler
from qeff_codegen.export.size_sharing import share_sizes
from qeff_codegen.export.subfunctions import outline_layers
from qeff_codegen.export.tidy import tidy
from qeff_codegen.export.torchscript_export import (
    GraphNames,
    WeightsAsLastInput,
    expected_warnings_silenced,
    export_with_torchscript,
)
from qeff_codegen.export.traced_examples import OTHERS, example_of
from qeff_codegen.export.weight_folding import fold_into_weights
from qeff_codegen.export.with_states import check_spec
from qeff_codegen.garbage import no_garbage_collection
from qeff_codegen.runtime.cache_utils import every_layer_for_itself
from qeff_codegen.runtime.windows import windows_kept


class _GraphInterface(nn.Module):
    """Gives a QEff model the graph's argument order and flat outputs, whatever its own signature's order is."""

    def __init__(self, decoder: nn.Module, layers: list[LayerShapes], spec: ExportSpec) -> None:
        super().__init__()
        self.decoder = decoder
        self.layers = layers
        self.optional_input_names = [*optional_input_names(spec), *image_input_names(spec)]
        self.takes_images = spec.images
        self.of_images = spec.of_images
        self.sampler = None if spec.sampler is None else Sampler(spec.sampler)

    def forward(
        self,
        input_ids: torch.Tensor,
        position_ids: torch.Tensor,
        past_key_values: list[tuple[torch.Tensor, ...]],
        optional_inputs: list[torch.Tensor],
    ) -> tuple[torch.Tensor, ...]:
        optional = dict(zip(self.optional_input_names, optional_inputs, strict=True))
        sampling = {name: optional.pop(name) for name in SAMPLING_INPUTS if name in optional}
        with windows_kept([window_of(layer) for layer in self.layers]):
            outputs = self.decoder(
                input_ids=input_ids,
                position_ids=position_ids,
                past_key_values=self._reordered(past_key_values),
                use_cache=True,
                **optional,
            )
        cache = (tensor for layer in self._reordered(cache_of(outputs)) for tensor in layer)
        if self.takes_images:
            return outputs.logits, *(outputs[name] for name in self.of_images), outputs.image_idx, *cache
        if self.sampler is None:
            return outputs.logits, *cache
        batch_index = optional.get("batch_index")
        results, buffers = self.sampler(outputs.logits, input_ids, position_ids, batch_index, **sampling)
        return *results, *cache, *buffers

    def _reordered(self, cache: Iterable[tuple[torch.Tensor, ...]]) -> list[tuple[torch.Tensor, ...]]:
        return [in_graph_order(layer, tensors) for layer, tensors in zip(self.layers, cache, strict=True)]


class _WithWeights(WeightsAsLastInput, _GraphInterface):
    """The interface as the TorchScript exporter takes it."""

    def weighted(self) -> nn.Module:
        """See `WeightsAsLastInput`."""
        return self.decoder


def export_onnx(model: nn.Module, onnx_path: Path, spec: ExportSpec) -> Path:
    """Exports with the TorchScript exporter, which is QEfficient's default, or with torch.export.

    Args:
        model: a causal LM whose modules were mapped to their QEff classes, with its weights.
        onnx_path: the file to write; it appears complete or not at all, and so does the file of large weights that
            stands beside it (see `graph_file`).
        spec: which inputs the graph takes and the context it is meant for.

    Returns:
        `onnx_path`.

    Raises:
        UsageError: the model knows fewer positions than `spec.ctx_len`, it cannot be exported as asked, or the folder
            cannot be written to.
        Refusal: the model computes something that was not proved to mean the same in the graph, or that the exporter
            can make no graph of.
        NotDeferredError: a weight that is left for later cannot be made any more; load the model with all weights.
    """
    config: Any = model.config
    check_ctx_len(config, spec.ctx_len)
    if spec.dynamo:
        # torch.export traces in a mode of its own.
        make_all(model)
    try:
        return _exported(model, onnx_path, spec)
    except NotDeferredError:
        make_all(model)
        return _exported(model, onnx_path, spec)


def _exported(model: nn.Module, onnx_path: Path, spec: ExportSpec) -> Path:
    shapes = layers_kept(model, spec)
    check_spec(shapes, spec)
    each_layer = every_layer_for_itself() if spec.use_onnx_subfunctions or spec.dynamo else nullcontext()
    with whole_or_not_at_all(onnx_path) as unfinished, no_garbage_collection():
        with expected_warnings_silenced(), each_layer, torch.no_grad():
            inputs = example_of(model, shapes, spec)
            if spec.dynamo:
                interface = _GraphInterface(model, shapes, spec).train(model.training)
                graph_model = traced_with_torch_export(interface, inputs, shapes, spec)
            else:
                interface = _WithWeights(model, shapes, spec).train(model.training)
                graph_model = _traced_with_torchscript(interface, inputs, shapes, spec, unfinished)
        with deferral_of(model):
            attach_weights(graph_model.graph, model)
        _order_inputs(graph_model.graph, input_names(spec, shapes))
        spell_casts(graph_model)
        if spec.use_onnx_subfunctions:
            # Nothing is folded in functions.
            fold_into_weights(graph_model.graph)
            layers = repeated_layers(model)
            outline_layers(graph_model, layers, by_scope(layers) if spec.dynamo else by_node_name(layers))
        tidy(graph_model)
        _declare_output_shapes(graph_model.graph, lambda: _vocab_size(model, shapes), spec)
        # Whoever has the file knows from it how many slots a window needs.
        graph_model.metadata_props.update({axis: str(length) for axis, length in windows_of(shapes).items()})
        save_graph(graph_model, unfinished)
    return onnx_path


def _traced_with_torchscript(
    interface: _WithWeights, inputs: tuple[Any, ...], shapes: list[LayerShapes], spec: ExportSpec, unfinished: Path
) -> onnx_ir.Model:
    """The graph as the TorchScript exporter writes it to `unfinished`, with weights as inputs."""
    # A function asks for its sizes itself: shared ones would make the first layer's another than the others'.
    shares_sizes = not spec.use_onnx_subfunctions
    with inner_shapes_left_out() if shares_sizes else nullcontext():
        model = export_with_torchscript(
            interface,
            inputs,
            unfinished,
            GraphNames(traced_input_names(spec, shapes), output_names(spec, shapes), dynamic_axes(spec, shapes)),
            looks=no_frozen_numbers(
                interface,
                lambda: (example_of(interface.decoder, shapes, spec, sizes) for sizes in OTHERS),
                axis_limits(spec, shapes),
            ),
        )
    if shares_sizes:
        share_sizes(model)
    return onnx_ir.from_proto(model)


def _order_inputs(graph: onnx_ir.Graph, names: list[str]) -> None:
    """Puts the inputs into the contract's order."""
    ordered = sorted(graph.inputs, key=lambda value: names.index(value.name or ""))
    graph.inputs.clear()
    graph.inputs.extend(ordered)


def _vocab_size(model: nn.Module, shapes: list[LayerShapes]) -> int:
    """The number of logits of one token, asked of the model: it need not be the configuration's."""
    with deferral_of(model), torch.no_grad():
        outputs = model(
            input_ids=torch.zeros(1, 1, dtype=torch.int64),
            position_ids=first_position(model),
            past_key_values=allocate_kv_cache(shapes, 1, 1, next(model.parameters()).dtype),
            use_cache=True,
        )
    return int(outputs.logits.shape[-1])


def _declare_output_shapes(graph: onnx_ir.Graph, vocab_size: Callable[[], int], spec: ExportSpec) -> None:
    """Gives the outputs their shapes, of which the exporter infers a part."""
    taken = {retained_state_name(value.name or ""): value for value in graph.inputs}
    taken.update((IMAGE_IDX_OUTPUT, value) for value in graph.inputs if value.name == IMAGE_IDX)
    for output in graph.outputs:
        if output.name in taken:
            output.shape = taken[output.name].shape
        else:
            tokens = "num_logits_to_keep" if spec.is_tlm else 1
            known = output.shape[-1] if output.shape else None
            # torch.export knows it; TorchScript does not infer it through every head.
            last = known if isinstance(known, int) else vocab_size()
            output.shape = onnx_ir.Shape(["batch_size", tokens, 1 if output.name == NEXT_TOKENS else last])
