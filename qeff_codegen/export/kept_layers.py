"""Which layers of a graph keep a window, and which the whole context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from qeff_codegen.export.graph_io import ExportSpec, KVShape, LayerShapes, window_of
from qeff_codegen.export.kv_cache import kv_cache_shapes
from qeff_codegen.runtime.windows import Window


def layers_kept(model: nn.Module, spec: ExportSpec) -> list[LayerShapes]:
    """What each layer keeps in a graph that is made so: a layer with a window no more than that.

    All keep the whole context where `full_caches` says so, and where slots that were overwritten would be missed:

    - a draft's wrong tokens are taken back, and what stood in their slots before would be needed again;
    - LongRoPE's long factors are asked for by a token that is written before its turn, over one still in use.

    So they do in a graph of torch.export, where windows were not compared, and where `comp_ctx_lengths` would have no
    layer that reads by them. A window that is no shorter than the context is none.

    Args:
        model: a causal LM whose modules were mapped to their QEff classes.
        spec: the graph; of a decoder in PyTorch, what a graph of it would be.
    """
    if spec.full_caches or spec.is_tlm or spec.dynamo or _has_longrope(model):
        return kv_cache_shapes(model)
    layers = kv_cache_shapes(model, windows=True)
    lengths = _lengths([window for layer in layers if (window := window_of(layer))])
    chosen = {Window(axis, length) for axis, length in lengths.items() if length < spec.ctx_len}
    kept = [_with_windows(layer, chosen) for layer in layers]
    if spec.compute_context_length and not any(_keeps_context(layer) for layer in kept):
        return [_with_windows(layer, set()) for layer in layers]
    return kept


def _lengths(windows: Sequence[Window]) -> dict[str, int]:
    """The one length that an axis can have: the shortest, where a model has several windows of a kind."""
    axes = {window.axis for window in windows}
    return {axis: min(window.length for window in windows if window.axis == axis) for axis in axes}


def _with_windows(layer: LayerShapes, chosen: set[Window]) -> LayerShapes:
    return tuple(
        replace(part, window=None) if isinstance(part, KVShape) and part.window not in chosen else part
        for part in layer
    )


def _keeps_context(layer: LayerShapes) -> bool:
    return any(isinstance(part, KVShape) and part.window is None for part in layer)


def _has_longrope(model: nn.Module) -> bool:
    """Whether some rotary embedding of the model, or of one kind of its layers, is LongRoPE."""
    modules: list[Any] = list(model.modules())
    types = [getattr(module, "rope_type", None) for module in modules]
    return any("longrope" in (kinds.values() if isinstance(kinds, dict) else (kinds,)) for kinds in types)
