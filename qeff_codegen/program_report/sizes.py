"""How many bytes of weights and of cache each layer has, and what each specialization takes beside the weights.

On the device floats are float16 (`-convert-to-fp16`), and the cache is what `custom_io.yaml` says. MXINT8 keeps a
scale of 8 bits for 32 numbers (OCP Microscaling Formats, version 1.0). Tensors between inputs and outputs are counted
from the graph: each from the node that makes it to the last that reads it, in the graph's order. The compiler orders,
fuses and splits nodes by its own plan, so what it needs is another number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import onnx_ir

from qeff_codegen.deploy import custom_io
from qeff_codegen.deploy.steps import LookedAt
from qeff_codegen.export.graph_io import RETAINED_STATE_SUFFIX, retained_state_name

# Bytes of a number.
_BYTES = {custom_io.FLOAT16: 2.0, custom_io.FLOAT32: 4.0, custom_io.MXINT8: 1 + 1 / 32}
_LAYER = re.compile(r"^(?P<stack>.*?)\.?(?P<number>\d+)(\.|$)")


@dataclass(frozen=True)
class PartSize:
    """A layer, or a part of the model outside of its layers.

    Attributes:
        name: `layer 3`, or the module's name.
        weights: bytes of its weights on the device.
        cache: bytes that it keeps of all rows, in the largest specialization.
    """

    name: str
    weights: int
    cache: int = 0


@dataclass(frozen=True)
class ProgramSize:
    """What one specialization takes on the device, in bytes.

    Attributes:
        name: its name.
        sizes: what its axes are.
        cache: what is retained, which all specializations share.
        passed: inputs and outputs of a call that are not retained.
        between: the most that other tensors take at one time; None where a size is not known.
    """

    name: str
    sizes: str
    cache: int
    passed: int
    between: int | None


def part_sizes(looked_at: LookedAt) -> tuple[PartSize, ...]:
    """Every layer and every other part, in the order in which the graph has their weights and caches."""
    weights = _weights(looked_at.candidate.graph_model.graph)
    caches: dict[int, int] = {}
    for _, kept in _kept(looked_at).items():
        for layer, size in kept.items():
            caches[layer] = max(caches.get(layer, 0), size)
    stacks = sorted({stack for stack, number in weights if number is not None})
    # Which of several stacks has the cache: the text model's, which is the one with as many layers.
    counts = {stack: sum(1 for other, number in weights if other == stack and number is not None) for stack in stacks}
    with_cache = next((stack for stack in stacks[::-1] if counts[stack] >= len(caches)), None) if caches else None
    found = []
    for (stack, number), size in sorted(weights.items(), key=_in_order):
        name = stack if number is None else f"{f'{stack} ' if len(stacks) > 1 else 'layer '}{number}"
        own = caches.pop(number, 0) if number is not None and stack == with_cache else 0
        found.append(PartSize(name, size, own))
    # Layers that run several times in a call keep more than there are layers.
    found += [PartSize(f"cache {layer}", 0, size) for layer, size in sorted(caches.items())]
    return tuple(found)


def program_sizes(looked_at: LookedAt) -> tuple[ProgramSize, ...]:
    """Every specialization, in the order of `specializations.json`."""
    candidate = looked_at.candidate
    kept = _kept(looked_at)
    found = []
    for program in candidate.programs:
        graph = candidate.sized[program.name]
        retained = {name for name in _names(graph.inputs) if retained_state_name(name) in _names(graph.outputs)}
        inputs = set(_names(candidate.graph_model.graph.inputs)) - retained
        passed = [value for value in graph.inputs if value.name in inputs]
        passed += [value for value in graph.outputs if not (value.name or "").endswith(RETAINED_STATE_SUFFIX)]
        sizes = ", ".join(f"{name} {size}" for name, size in program.symbols.items())
        found.append(
            ProgramSize(
                program.name,
                sizes,
                sum(kept[program.name].values()),
                sum(_size(value) or 0 for value in passed),
                _between(graph, inputs | retained),
            )
        )
    return tuple(found)


def weights_in_all(parts: Iterable[PartSize]) -> int:
    """Bytes of all weights."""
    return sum(part.weights for part in parts)


def _weights(graph: onnx_ir.Graph) -> dict[tuple[str, int | None], int]:
    """Bytes of weights by stack and number of a layer, or by the name of a module outside of the stacks."""
    found: dict[tuple[str, int | None], int] = {}
    for name, value in graph.initializers.items():
        if value.const_value is None:
            continue
        place = _place(name)
        found[place] = found.get(place, 0) + _stored(value.const_value.size, value.const_value.dtype)
    return found


def _place(name: str) -> tuple[str, int | None]:
    """Where a weight belongs: `model.layers.3.mlp.up_proj.weight` is (`model.layers`, 3)."""
    match = _LAYER.match(name)
    if match and match["stack"] and name.count(".") > 1:
        return match["stack"], int(match["number"])
    module = name.rpartition(".")[0]
    return (module or "other", None)


def _in_order(item: tuple[tuple[str, int | None], int]) -> tuple[int, str, int]:
    (stack, number), _ = item
    # Layers in their order behind what stands before and around them.
    return (0 if number is None else 1, stack, number or 0)


def _kept(looked_at: LookedAt) -> dict[str, dict[int, int]]:
    """For each program, bytes of what each layer retains; what no layer does, such as images, under -1."""
    candidate = looked_at.candidate
    names = _names(candidate.graph_model.graph.inputs)
    retained = [name for name in names if retained_state_name(name) in _names(candidate.graph_model.graph.outputs)]
    precisions = custom_io.precisions_of(retained, looked_at.cache_precision)
    found: dict[str, dict[int, int]] = {}
    for program in candidate.programs:
        found[program.name] = {}
        for value in candidate.graph_model.graph.inputs:
            if value.name not in retained or value.shape is None:
                continue
            numbers = [
                size if isinstance(size, int) else program.symbols.get(str(size.value), 0) for size in value.shape
            ]
            number = value.name.rpartition(".")[2]
            layer = int(number) if number.isdecimal() else -1
            is_float = value.dtype is not None and value.dtype.is_floating_point()
            size = _BYTES[precisions[value.name]] if is_float else 1
            found[program.name][layer] = found[program.name].get(layer, 0) + math.ceil(math.prod(numbers) * size)
    return found


def _between(graph: onnx_ir.Graph, inputs: Collection[str]) -> int | None:
    """The most that tensors between inputs and outputs take at one time.

    What follows from weights alone, such as the transpose of an embedding, is a weight for the compiler.
    """
    given = {*_names(graph.outputs), *_of_weights(graph, inputs)}
    last: dict[str, int] = {}
    for place, node in enumerate(graph):
        last |= {value.name: place for value in node.inputs if value is not None and value.name}
    ends: dict[int, int] = {}
    now = most = 0
    for place, node in enumerate(graph):
        for value in node.outputs:
            if not value.name or value.name in given:
                continue
            size = _size(value)
            if size is None:
                return None
            now += size
            ends[last.get(value.name, place)] = ends.get(last.get(value.name, place), 0) + size
        most = max(most, now)
        now -= ends.pop(place, 0)
    return most


def _of_weights(graph: onnx_ir.Graph, inputs: Collection[str]) -> set[str]:
    """What no input decides: weights, which are inputs of a sized graph too, and all that follows from them alone."""
    found = {*_names(graph.inputs), *graph.initializers} - set(inputs)
    for node in graph:
        if all(value is None or value.name in found for value in node.inputs):
            found |= set(_names(node.outputs))
    return found


def _size(value: onnx_ir.Value) -> int | None:
    if value.shape is None or not value.shape.is_static():
        return None
    return _stored(math.prod(value.shape.numpy()), value.dtype)


def _stored(count: int, dtype: onnx_ir.DataType | None) -> int:
    """Bytes of so many numbers on the device: floats are float16 there, whatever they are in the graph."""
    return math.ceil(count * (2 if dtype is None or dtype.is_floating_point() else dtype.itemsize))


def _names(values: Iterable[onnx_ir.Value]) -> list[str]:
    return [value.name or "" for value in values]


def shown(size: float) -> str:
    """A number of bytes as a reader sees it."""
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} GiB"
