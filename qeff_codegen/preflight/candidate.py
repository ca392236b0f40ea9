"""The graph that preflight looks at, and what it is to be compiled for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir

from qeff_codegen.export.graph_io import ExportSpec, LayerShapes
from qeff_codegen.export.kept_layers import layers_kept
from qeff_codegen.export.specialization import Specialization
from qeff_codegen.export.vision_export import OneImageSpec, VisionSpec
from qeff_codegen.preflight.sized_graph import sized_graph, without_functions


@dataclass(frozen=True, eq=False)
class GraphCandidate:
    """An exported graph, before anybody has compiled it.

    Attributes:
        onnx_path: its file.
        weight_names: names of its model's parameters and buffers.
        programs: the sizes it is to be compiled for.
    """

    onnx_path: Path
    weight_names: frozenset[str]
    programs: tuple[Specialization, ...]

    @property
    def is_of_dynamo(self) -> bool:
        """Whether torch.export traced it."""
        return False

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


@dataclass(frozen=True, eq=False)
class Candidate(GraphCandidate):
    """A decoder's graph.

    Attributes:
        spec: the inputs it was asked to take.
        layers: what each layer of its model caches.
        prompts: token ids to run it with.
        images: what image tokens of the prompts stand for, in the model's format: `[vision_size, hidden]`, or where
            the graph takes pixels, `[channels, height, width]`; None where it takes no images.
        deep: what goes into layers beside, `[layers, vision_size, hidden]`; None where nothing does.
    """

    spec: ExportSpec
    layers: tuple[LayerShapes, ...]
    prompts: tuple[tuple[int, ...], ...]
    images: np.ndarray | None = None
    deep: np.ndarray | None = None

    @property
    def is_of_dynamo(self) -> bool:
        """Whether torch.export traced it."""
        return self.spec.dynamo


@dataclass(frozen=True, eq=False)
class VisionCandidate(GraphCandidate):
    """The graph of a vision program.

    Attributes:
        spec: the images it was asked to take.
    """

    spec: VisionSpec | OneImageSpec


def candidate_of(
    model: Any,
    onnx_path: Path,
    spec: ExportSpec,
    programs: tuple[Specialization, ...],
    prompts: tuple[tuple[int, ...], ...],
    images: np.ndarray | None = None,
    deep: np.ndarray | None = None,
) -> Candidate:
    """The candidate that `model` was exported to.

    Args:
        model: the QEff model.
        onnx_path: its graph, as `export_onnx` wrote it.
        spec: what the graph was exported with.
        programs: the sizes it is to be compiled for.
        prompts: token ids to run it with, at least one prompt.
        images: what image tokens of the prompts stand for, where it takes images.
        deep: what goes into layers beside, where it takes that.
    """
    layers = tuple(layers_kept(model, spec))
    return Candidate(onnx_path, _weight_names(model), programs, spec, layers, prompts, images, deep)


def vision_candidate_of(
    encoder: Any, onnx_path: Path, spec: VisionSpec | OneImageSpec, programs: tuple[Specialization, ...]
) -> VisionCandidate:
    """The candidate that a vision program was exported to, as `export_vision` wrote it."""
    return VisionCandidate(onnx_path, _weight_names(encoder), programs, spec)


def _weight_names(model: Any) -> frozenset[str]:
    # A shared one by each of its names: exporters choose different ones.
    named = (*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False))
    return frozenset(name for name, _ in named)
