"""Which decoder layer a node of an exported graph was traced in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import onnx_ir
from torch import nn

from qeff_codegen.errors import UsageError

# The layers that become functions: each one's class by its qualified name.
Layers = Mapping[str, type[nn.Module]]
# Returns the qualified name of the layer that a node belongs to, None for a node outside of all layers.
LayerOf = Callable[[onnx_ir.Node], str | None]


def repeated_layers(root: nn.Module, decoder: Any) -> Layers:
    """The layers that become functions, by their qualified names within `root`.

    Args:
        root: the module that is traced.
        decoder: the causal LM within it, whose `get_submodules_for_export` names the classes.

    Raises:
        UsageError: the model names no classes, or has no layer of them.
    """
    name_classes = getattr(decoder, "get_submodules_for_export", None)
    classes = tuple(name_classes()) if name_classes else ()
    layers = {name: type(module) for name, module in root.named_modules() if type(module) in classes}
    if not layers:
        named = ", ".join(sorted(each.__name__ for each in classes)) or "no class"
        raise UsageError(
            f"use_onnx_subfunctions makes a function of every decoder-layer class, and {type(decoder).__name__} has "
            f"no layer of one: its get_submodules_for_export names {named}. Export without it."
        )
    return layers


def by_node_name(layers: Layers) -> LayerOf:
    """For the TorchScript exporter, which names a node by the modules it was traced in: `/model/layers.0/mlp/Mul`.

    A module that is not called itself, such as one that only holds another, is not in the name, so a layer is
    recognised by its own name after some of the modules around it. A node that a pass of the exporter made has no
    such name.
    """
    chains = {layer: _chain(layer) for layer in layers}

    def layer_of(node: onnx_ir.Node) -> str | None:
        scope = (node.name or "").split("/")[1:-1]
        for layer, chain in chains.items():
            if chain[-1] in scope and _is_subsequence(scope[: scope.index(chain[-1])], chain[:-1]):
                return layer
        return None

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
