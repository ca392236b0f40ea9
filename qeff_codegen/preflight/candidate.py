"""The graph that preflight looks at, and what it is to be compiled for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import onnx_ir

from qeff_codegen.export.graph_io import ExportSpec, LayerShapes
from qeff_codegen.export.kv_cache import kv_cache_shapes
from qeff_codegen.export.specialization import Specialization
from qeff_codegen.preflight.sized_graph import sized_graph, without_functions


@dataclass(frozen=True, eq=False)
class Candidate:
    """An exported graph, before anybody has compiled it.

    Attributes:
        onnx_path: its file.
        spec: the inputs it was asked to take.
        layers: what each layer of its model caches.
        weight_names: names of its model's parameters and buffers.
        programs: the sizes it is to be compiled for.
        prompts: token ids to run it with.
    """

    onnx_path: Path
    spec: ExportSpec
    layers: tuple[LayerShapes, ...]
    weight_names: frozenset[str]
    programs: tuple[Specialization, ...]
    prompts: tuple[tuple[int, ...], ...]

    @cached_property
    def graph_model(self) -> onnx_ir.Model:
        """The graph as it stands in the file; whoever changes it works on a clone."""
        return onnx_ir.load(self.onnx_path)

    @cached_property
    def sized(self) -> dict[str, onnx_ir.Graph]:
        """For each program, by its name: the graph with its sizes and every shape that follows, without functions."""
        inlined = without_functions(self.graph_model)
        return {program.name: sized_graph(inlined, program.symbols) for program in self.programs}

    def nodes(self) -> Iterator[tuple[onnx_ir.Node, str]]:
        """Every node of the graph and of its functions, each with the function's name; empty for the graph's own."""
        for node in onnx_ir.traversal.RecursiveGraphIterator(self.graph_model.graph):
            yield node, ""
        for function in self.graph_model.functions.values():
            for node in onnx_ir.traversal.RecursiveGraphIterator(function):
                yield node, function.name


def candidate_of(
    model: Any,
    onnx_path: Path,
    spec: ExportSpec,
    programs: tuple[Specialization, ...],
    prompts: tuple[tuple[int, ...], ...],
) -> Candidate:
    """The candidate that `model` was exported to.

    Args:
        model: the QEff model.
        onnx_path: its graph, as `export_onnx` wrote it.
        spec: what the graph was exported with.
        programs: the sizes it is to be compiled for.
        prompts: token ids to run it with, at least one prompt.
    """
    layers = tuple(kv_cache_shapes(model))
    # A shared one by each of its names: exporters choose different ones.
    named = (*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False))
    return Candidate(onnx_path, spec, layers, frozenset(name for name, _ in named), programs, prompts)
