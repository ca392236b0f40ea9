"""The ONNX graph of a QEff model, kept by what it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec, LayerShapes, kv_names
from qeff_codegen.export.kept_layers import layers_kept
from qeff_codegen.export.vision_export import OneImageSpec, VisionSpec, export_vision
from qeff_codegen.files.artifact_store import ArtifactStore
from qeff_codegen.own_code import own_code_sha256

GRAPH_FILE = "model.onnx"
# What writes the graph, beside our own code.
_PACKAGES = ("torch", "transformers", "onnx", "onnx_ir", "onnxscript")
ONNX_TRANSFORMS = ("CommonSubexpressionElimination", "IdentityElimination")
_SUBFUNCTIONS_TRANSFORM = "OutlineLayers"


@dataclass(frozen=True)
class ExportedGraph:
    """A graph on disk.

    Attributes:
        onnx_path: its file.
        spec: the inputs it takes.
        layers: what each layer of its model keeps.
        pytorch_transforms: names of the transforms that made the model.
        onnx_transforms: names of what was done to the graph.
    """

    onnx_path: Path
    spec: ExportSpec
    layers: tuple[LayerShapes, ...]
    pytorch_transforms: tuple[str, ...]
    onnx_transforms: tuple[str, ...]

    @property
    def kv_names(self) -> list[str]:
        """Its cache inputs, in order."""
        return kv_names(self.layers)


def exported_graph(
    name: str,
    model: Any,
    spec: ExportSpec,
    store: ArtifactStore,
    *,
    made_from: Mapping[str, str],
    pytorch_transforms: tuple[str, ...],
) -> ExportedGraph:
    """The graph of `model`, from the store or exported now.

    Args:
        name: the checkpoint's name.
        model: a causal LM whose modules were mapped to their QEff classes.
        spec: the inputs the graph takes.
        store: where graphs are kept.
        made_from: hashes of the checkpoint and of the generated code.
        pytorch_transforms: names of the transforms that were applied.

    Raises:
        UsageError: the model cannot be exported as asked, or the store cannot be written.
    """
    facts = _facts(model, asdict(spec), made_from)

    def export(unfinished: Path) -> None:
        export_onnx(model, unfinished / GRAPH_FILE, spec)

    folder = store.get(name, facts, export)
    layers = tuple(layers_kept(model, spec))
    first = (_SUBFUNCTIONS_TRANSFORM,) if spec.use_onnx_subfunctions else ()
    return ExportedGraph(folder / GRAPH_FILE, spec, layers, pytorch_transforms, (*first, *ONNX_TRANSFORMS))


def exported_vision(
    name: str, encoder: Any, spec: VisionSpec | OneImageSpec, store: ArtifactStore, *, made_from: Mapping[str, str]
) -> Path:
    """The graph's file of a vision program, from the store or exported now.

    Args:
        name: the checkpoint's name.
        encoder: what `get_qeff_vision_encoder` gives.
        spec: the images that it takes.
        store: where graphs are kept.
        made_from: hashes of the checkpoint and of the generated code.

    Raises:
        UsageError: the store cannot be written.
        Refusal: the tower cannot be exported as asked.
    """

    def export(unfinished: Path) -> None:
        export_vision(encoder, unfinished / GRAPH_FILE, spec)

    return store.get(name, _facts(encoder, asdict(spec), made_from), export) / GRAPH_FILE


def _facts(model: Any, asked: Mapping[str, object], made_from: Mapping[str, str]) -> dict[str, object]:
    """Everything that a graph's content depends on."""
    return {
        **made_from,
        "configuration": model.config.to_json_string(use_diff=False),
        "export": asked,
        "runtime": own_code_sha256("export", "runtime"),
        "packages": {package: version(package) for package in _PACKAGES},
    }
