"""Inputs and outputs are the contract's: names, order, types, axes, and a retained output for each cache input.

The compiler and the runtime know tensors by name, and pair a cache input with its output by the suffix
`_RetainedState`; the names, their order and their axes are those of `qeff_codegen.export.graph_io`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import onnx_ir

from qeff_codegen.export.graph_io import (
    IMAGE_IDX,
    IMAGE_IDX_OUTPUT,
    LOGITS,
    RECURRENT_STATE,
    ExportSpec,
    IndexerShape,
    KVShape,
    PartShape,
    dynamic_axes,
    in_graph_order,
    input_names,
    output_names,
    retained_state_name,
)
from qeff_codegen.export.sampler_io import NEXT_TOKENS, PENALTY_BUFFERS, PROBS, example_inputs
from qeff_codegen.preflight.candidate import Candidate
from qeff_codegen.preflight.check import Check, Finding

_INDICES = (
    "input_ids",
    "position_ids",
    "batch_index",
    "comp_ctx_lengths",
    "num_logits_to_keep",
    IMAGE_IDX,
    IMAGE_IDX_OUTPUT,
)
_RESULTS = {LOGITS: onnx_ir.DataType.FLOAT, PROBS: onnx_ir.DataType.FLOAT, NEXT_TOKENS: onnx_ir.DataType.INT64}
_CACHE_TYPES = (onnx_ir.DataType.FLOAT, onnx_ir.DataType.FLOAT16)
_CACHE_TYPE_NAMES = ("float32", "float16")
_NEXT = "Export again with this version; if it stays, the exporter and graph_io.py disagree."


def _findings(candidate: Candidate) -> Iterator[Finding]:
    graph = candidate.graph_model.graph
    weights = set(graph.initializers)
    inputs = [value for value in graph.inputs if value.name not in weights]
    yield from _order("inputs", inputs, input_names(candidate.spec, candidate.layers))
    yield from _order("outputs", graph.outputs, output_names(candidate.spec, candidate.layers))
    yield from _types(candidate.spec, [*inputs, *graph.outputs])
    yield from _axes(candidate, [*inputs, *graph.outputs])
    yield from _cache_pairs(candidate)
    for name in candidate.spec.of_images:
        yield from _image_pair(candidate, name)


def _order(kind: str, values: Sequence[onnx_ir.Value], expected: list[str]) -> Iterator[Finding]:
    found = [value.name for value in values]
    if found != expected:
        first = next(
            (index for index, (one, other) in enumerate(zip(found, expected, strict=False)) if one != other),
            min(len(found), len(expected)),
        )
        is_there, should_be = (names[first] if first < len(names) else "nothing" for names in (found, expected))
        yield Finding(
            f"The graph's {kind} are not the contract's: number {first} is {is_there} and should be {should_be}.",
            _NEXT,
        )


def _types(spec: ExportSpec, values: Sequence[onnx_ir.Value]) -> Iterator[Finding]:
    expected = dict.fromkeys(_INDICES, onnx_ir.DataType.INT64) | _RESULTS
    if spec.sampler is not None:
        examples = example_inputs(spec.sampler, batch_size=1, seq_len=1, cache_rows=1, vocab_size=1)
        expected |= {name: onnx_ir.DataType.from_numpy(tensor.numpy().dtype) for name, tensor in examples.items()}
        expected |= {retained_state_name(name): expected[name] for name in PENALTY_BUFFERS}
    for value in values:
        wanted = expected.get(value.name or "")
        if wanted is not None and value.dtype != wanted:
            yield Finding(f"{value.name} is {value.dtype} and should be {wanted}.", _NEXT)


def _axes(candidate: Candidate, values: Sequence[onnx_ir.Value]) -> Iterator[Finding]:
    named = dynamic_axes(candidate.spec, candidate.layers)
    for value in values:
        if value.name not in named:
            continue  # `_order` has said so
        for axis, dimension in enumerate(value.shape or ()):
            symbol = named[value.name].get(axis)
            found = dimension if isinstance(dimension, int) else dimension.value
            if (symbol is None and not isinstance(found, int)) or (symbol is not None and found != symbol):
                wanted = "a number" if symbol is None else symbol
                yield Finding(f"Axis {axis} of {value.name} is {found} and should be {wanted}.", _NEXT)


def _cache_pairs(candidate: Candidate) -> Iterator[Finding]:
    graph = candidate.graph_model.graph
    by_name = {value.name: value for value in (*graph.inputs, *graph.outputs)}
    for index, layer in enumerate(candidate.layers):
        for part in in_graph_order(layer, layer):
            name = f"{part.name}.{index}"
            taken, kept = by_name.get(name), by_name.get(retained_state_name(name))
            if taken is None or kept is None:
                continue  # `_order` has said so
            # A recurrence is computed in float32 whatever the model's format is.
            types = _CACHE_TYPES[:1] if part.name == RECURRENT_STATE else _CACHE_TYPES
            if taken.dtype != kept.dtype or taken.dtype not in types:
                yield Finding(
                    f"{name} is {taken.dtype} and its retained output {kept.dtype}; both should be the same, "
                    f"{' or '.join(_CACHE_TYPE_NAMES[: len(types)])}.",
                    _NEXT,
                )
            yield from _own_sizes(name, taken, part)
            yield from _same_numbers(candidate, name)


def _own_sizes(name: str, taken: onnx_ir.Value, part: PartShape) -> Iterator[Finding]:
    """The axes that no program gives a number are what the layer writes."""
    if isinstance(part, KVShape):
        heads, size = part.num_heads, part.head_dim
        if taken.shape is None or (taken.shape[1], taken.shape[3]) != (heads, size):
            yield Finding(f"{name} has the shape {taken.shape}; its layer writes {heads} heads of size {size}.", _NEXT)
    elif isinstance(part, IndexerShape):
        if taken.shape is None or taken.shape[2] != part.head_dim:
            yield Finding(f"{name} has the shape {taken.shape}; its layer writes keys of size {part.head_dim}.", _NEXT)
    elif taken.shape is None or tuple(taken.shape[1:]) != part.own_sizes:
        wanted = ", ".join(map(str, part.own_sizes))
        yield Finding(f"{name} has the shape {taken.shape}; its layer keeps [{wanted}] of each row.", _NEXT)


def _image_pair(candidate: Candidate, name: str) -> Iterator[Finding]:
    """What image tokens stand for is handed on as it was taken, in the format of the cache."""
    graph = candidate.graph_model.graph
    by_name = {value.name: value for value in (*graph.inputs, *graph.outputs)}
    taken, kept = by_name.get(name), by_name.get(retained_state_name(name))
    if taken is None or kept is None:
        return  # `_order` has said so
    if taken.dtype != kept.dtype or taken.dtype not in _CACHE_TYPES:
        yield Finding(
            f"{name} is {taken.dtype} and its retained output {kept.dtype}; both should be "
            f"{' or '.join(_CACHE_TYPE_NAMES)}.",
            _NEXT,
        )
    yield from _same_numbers(candidate, name)


def _same_numbers(candidate: Candidate, name: str) -> Iterator[Finding]:
    """What is written back must fit where it was read, whatever the graph's declaration says."""
    for program, graph in candidate.sized.items():
        shapes = {value.name: value.shape for value in (*graph.inputs, *graph.outputs)}
        taken, kept = shapes.get(name), shapes.get(retained_state_name(name))
        if taken != kept and kept is not None and kept.is_static():
            yield Finding(
                f"{program}: {name} has the shape {taken} and its retained output {kept}; they must be equal.", _NEXT
            )


CHECK = Check(
    "interface",
    "Inputs and outputs are the contract's, in its order, types and axes; each cache input has its retained output.",
    _findings,
)
