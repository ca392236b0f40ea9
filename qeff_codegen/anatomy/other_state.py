"""Find state that a layer keeps from token to token and that is no key or value of the KV cache.

State-space and linear-attention layers keep a recurrent state and the last inputs of a convolution, each overwritten
by the next token. Keys and values are written at a position and stay.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, parameters, self_attribute
from qeff_codegen.anatomy.module_states import kept_attribute
from qeff_codegen.anatomy.state_mixers import is_of_layer, state_calls, writes_state
from qeff_codegen.codemod.tree import find, spelled, walk

# What asks a cache how many tokens it holds, or may hold, for a layer; like keys and values, no state.
LENGTHS = {"get_mask_sizes", "get_seq_length", "get_usable_length", "get_max_length", "get_max_cache_shape"}
NO_STATE = {"update", *LENGTHS}


def other_state(file: ModelingFile, classes: Iterable[ModelingClass]) -> tuple[ModelingClass, ast.expr] | None:
    """The first place where one of `classes` keeps such a state otherwise than a state mixer does, if one does."""
    for cls in classes:
        on_itself = kept_attribute(cls, file)
        known = [call for call in state_calls(cls) if is_of_layer(call)] if writes_state(cls) is not None else []
        for method in cls.methods.values():
            given = set(parameters(method))
            keys = _keys_and_values(method)
            layers = _layers_of_cache(method, given)
            for node in walk(method) if method.name != "__init__" else ():
                if not isinstance(node, (ast.Assign, ast.Call)) or node in known:
                    continue
                place = _written(node, given, keys, layers) or (
                    _kept_on_self(node, cls) if method is cls.forward else None
                )
                if place is not None and (on_itself is None or self_attribute(place) != on_itself):
                    return cls, place
    return None


def _keys_and_values(method: ast.FunctionDef) -> set[str]:
    """Names bound to what the KV cache's update gives."""
    return {
        name.id
        for node in find(ast.Assign, method)
        if isinstance(node.value, ast.Call)
        if isinstance(node.value.func, ast.Attribute) and node.value.func.attr == "update"
        for name in find(ast.Name, node.targets[0])
    }


def _layers_of_cache(method: ast.FunctionDef, given: set[str]) -> set[str]:
    """How a method spells one layer's part of the cache: `<cache>.layers[<index>]`, or a local that stands for it."""
    places = {
        spelled(node)
        for node in find(ast.Subscript, method)
        if isinstance(node.value, ast.Attribute) and node.value.attr == "layers" and _root(node) in given
    }
    local = {
        target.id
        for node in (find(ast.Assign, method) if places else ())
        if places & {spelled(item) for item in find(ast.Subscript, node.value)}
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return places | local


def _kept_on_self(node: ast.AST, cls: ModelingClass) -> ast.expr | None:
    """The attribute that forward sets and that is None before the first call: what is kept for the next."""
    for target in node.targets if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Constant) else ():
        before = cls.assigned.get(self_attribute(target) or "", ())
        if any(isinstance(value, ast.Constant) and value.value is None for value in before):
            return target
    return None


def _written(node: ast.AST, given: set[str], keys: set[str], layers: set[str]) -> ast.expr | None:
    """What a statement or call writes into an object that was given as a parameter, at the layer's place."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.startswith("update"):
        if spelled(node.func.value) in layers:
            return node
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _root(node.func) in given:
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        by_layer = any(_is_layer_index(value) for value in values) and len(values) > 1
        in_place = node.func.attr == "copy_" and bool(find(ast.Attribute, node.func.value))
        return node if (by_layer and node.func.attr not in NO_STATE) or in_place else None
    if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Constant):
        names = {item.id for item in find(ast.Name, node.value)}
        if names and names <= keys:
            return None
        for target in node.targets:
            if isinstance(target, ast.Subscript) and _root(target) in given and _is_at_layer(target):
                return target
    return None


def _root(expression: ast.expr) -> str:
    while isinstance(expression, (ast.Attribute, ast.Subscript)):
        expression = expression.value
    return expression.id if isinstance(expression, ast.Name) else ""


def _is_layer_index(expression: ast.expr) -> bool:
    return (self_attribute(expression) or "").startswith("layer_i")


def _is_at_layer(target: ast.Subscript) -> bool:
    """Whether one of the indices of `a[...][...]` is the layer's."""
    return any(map(_is_layer_index, find(ast.Attribute, target)))
