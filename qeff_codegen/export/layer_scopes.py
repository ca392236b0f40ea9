"""Which decoder layer a node of an exported graph was traced in."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

import onnx_ir
from torch import nn

from qeff_codegen.errors import UsageError

# The layers that become functions: each one's class by its qualified name.
Layers = Mapping[str, type[nn.Module]]
# Returns the qualified name of the layer that a node was traced in, `OUTSIDE` for a node outside of all layers, and
# None for one that the exporter added and did not say where.
LayerOf = Callable[[onnx_ir.Node], str | None]

OUTSIDE = ""
# What the traced module calls the model.
_ROOT = "decoder"
_SCOPES = "pkg.torch.onnx.name_scopes"


def repeated_layers(model: Any) -> Layers:
    """The layers that become functions, by their qualified names.

    Args:
        model: a causal LM whose `get_submodules_for_export` names the classes.

    Raises:
        UsageError: the model names no classes, or has no layer of them.
    """
    name_classes = getattr(model, "get_submodules_for_export", None)
    classes = tuple(name_classes()) if name_classes else ()
    layers = {name: type(module) for name, module in model.named_modules() if isinstance(module, classes)}
    if not layers:
        named = ", ".join(sorted(each.__name__ for each in classes)) or "no class"
        raise UsageError(
            f"use_onnx_subfunctions makes a function of every decoder-layer class, and {type(model).__name__} has no "
            f"layer of one: its get_submodules_for_export names {named}. Export without it."
        )
    return layers


def by_node_name(layers: Layers) -> LayerOf:
    """For the TorchScript exporter, which names a node by the modules it was traced in: `/model/layers.0/mlp/Mul`.

    A module that is not called itself, such as one that only holds another, is not in the name, so a layer is
    recognised by its own name after some of the modules around it.
    """
    chains = {layer: _chain(layer) for layer in layers}

    def layer_of(node: onnx_ir.Node) -> str | None:
        name = node.name or ""
        if "/" not in name:
            return None
        scope = name.removeprefix(f"/{_ROOT}").split("/")[1:-1]
        for layer, chain in chains.items():
            if chain[-1] in scope and _is_subsequence(scope[: scope.index(chain[-1])], chain[:-1]):
                return layer
        return OUTSIDE

    return layer_of


def by_scope(layers: Layers) -> LayerOf:
    """For torch.export, which keeps the qualified names of all modules around a node beside it."""

    def layer_of(node: onnx_ir.Node) -> str | None:
        scopes = ast.literal_eval(node.metadata_props.get(_SCOPES, "[]"))
        if _ROOT not in scopes:
            return None
        inside = (name for scope in scopes if (name := scope.removeprefix(f"{_ROOT}.")) in layers)
        return next(inside, OUTSIDE)

    return layer_of


def _chain(qualified_name: str) -> list[str]:
    """The exporter's names of a module and those around it: `a.layers.0` is `layers.0` in `layers` in `a`."""
    atoms = qualified_name.split(".")
    chain = []
    for end in range(1, len(atoms) + 1):
        start = end - 1
        while start > 0 and atoms[start].isnumeric():
            start -= 1
        chain.append(".".join(atoms[start:end]))
    return chain


def _is_subsequence(names: list[str], longer: list[str]) -> bool:
    rest = iter(longer)
    return all(name in rest for name in names)
