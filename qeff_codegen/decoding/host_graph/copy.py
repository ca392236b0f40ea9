"""Makes the copy, or says that this graph has none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import onnx_ir
from onnx_ir.passes.common import RemoveUnusedFunctionsPass, RemoveUnusedNodesPass

from qeff_codegen.decoding.host_graph.attention import find_attention, read_in_place
from qeff_codegen.decoding.host_graph.building import MICROSOFT, NewNodes
from qeff_codegen.decoding.host_graph.call import Call
from qeff_codegen.decoding.host_graph.norms import with_sum
from qeff_codegen.decoding.host_graph.rotary import Rotations
from qeff_codegen.decoding.host_graph.slots import Slots, Written
from qeff_codegen.export.graph_io import retained_state_name

_READ_AND_WRITE = ("CtxScatter", "CtxScatterCB", "CtxGather", "CtxGatherCB")


@dataclass(frozen=True)
class HostGraph:
    """The copy.

    Attributes:
        model: it, serialized; large weights are named by the file beside the exported graph.
        inputs: what the exported graph takes beside its cache.
        caches: heads and head_dim of every cache input, by its name. Its other axes are rows and slots, as many as the
            caller likes: a token's slot is its position, and a pad is written to the last one.
    """

    model: bytes
    inputs: tuple[str, ...]
    caches: dict[str, tuple[int, int]]


def host_graph(onnx_path: Path) -> HostGraph | None:
    """The copy of an exported decoder, or None where it keeps or reads something that is not recognised.

    It takes what the exported graph takes but `batch_index`: row by row the cache given is that of the call. Every
    axis of slots is that of all caches, and attention reads all of them. What is read must be finite.
    """
    model = onnx_ir.load(onnx_path)
    graph = model.graph
    inputs = {str(value.name): value for value in graph.inputs}
    outputs = {value.name for value in graph.outputs}
    kept = {name: value for name, value in inputs.items() if retained_state_name(name) in outputs}
    position_ids = inputs.get("position_ids")
    if position_ids is None or position_ids.shape is None or len(position_ids.shape) != 2 or not kept:
        return None
    caches = {name: sizes for name, value in kept.items() if (sizes := _of_slots(value)) is not None}
    if caches.keys() != kept.keys():
        return None
    slots = Slots(position_ids)
    call = Call(NewNodes(graph), position_ids, next(iter(kept.values())))
    written = [found for node in graph if (found := slots.written(node)) is not None]
    shape_of = {write.node.outputs[0]: write.cache.shape for write in written}
    attentions = [attention for node in graph if (attention := find_attention(node, slots)) is not None]
    if not {read for each in attentions for read in (each.keys, each.values)} <= shape_of.keys():
        return None
    for read, shape in shape_of.items():
        read.shape = shape
    for attention in attentions:
        read_in_place(attention, call)
    for write in written:
        _write(write, caches, call)
    rotations = Rotations(call)
    for node in list(graph):
        rotations.rewrite(node)
        with_sum(node, call.new)
    RemoveUnusedNodesPass()(model)
    if any(node.op_type in _READ_AND_WRITE for node in graph) or not _only_written(kept.values()):
        return None
    batch_index = inputs.get("batch_index")
    if batch_index is not None:
        if batch_index.uses():
            return None
        graph.inputs.remove(batch_index)
    graph.sort()
    RemoveUnusedFunctionsPass()(model)
    model.opset_imports[MICROSOFT] = 1
    others = tuple(name for name in inputs if name not in caches)
    return HostGraph(onnx_ir.to_proto(model).SerializeToString(), others, caches)


def _of_slots(value: onnx_ir.Value) -> tuple[int, int] | None:
    """Heads and head_dim of keys or values in float32 that have a slot for each position."""
    shape = value.shape
    if value.dtype != onnx_ir.DataType.FLOAT or shape is None or len(shape) != 4:
        return None
    heads, slots, size = shape[1], shape[2], shape[3]
    if not isinstance(heads, int) or not isinstance(size, int) or slots != onnx_ir.SymbolicDim("ctx_len"):
        return None
    return heads, size


def _write(each: Written, caches: dict[str, tuple[int, int]], call: Call) -> None:
    """Have it written by one node, at indices that layers of as many heads share."""
    old = each.node.outputs[0]
    name = each.cache.name
    assert name is not None
    result = call.new.node("ScatterND", each.cache, call.slots_of(caches[name][0]), each.updates)
    result.name, result.type, result.shape = old.name, old.type, old.shape
    old.name = f"{old.name}_of_the_device"
    old.replace_all_uses_with(result, replace_graph_outputs=True)


def _only_written(caches: Iterable[onnx_ir.Value]) -> bool:
    """Whether each cache is read by what writes it alone, so that it may be written where it lies."""
    return all(
        sorted(use.node.op_type for use in value.uses() if use.node.op_type != "Shape") == ["ScatterND"]
        for value in caches
    )
