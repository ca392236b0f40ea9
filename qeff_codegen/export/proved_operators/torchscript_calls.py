"""The calls of operators in a TorchScript trace."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch.onnx import symbolic_helper

from qeff_codegen.export import looks_at_tensors, one_size
from qeff_codegen.export.proved_operators.aliases import seen_elsewhere
from qeff_codegen.export.proved_operators.calls import (
    TRACED,
    Argument,
    Call,
    Place,
    described,
    index_form,
    lengths_of_one,
    list_form,
    number_form,
    tensor_type,
)

# What holds values together, and computes nothing.
_STRUCTURE = frozenset(
    {
        "prim::Constant",
        "prim::ListConstruct",
        "prim::ListUnpack",
        "prim::NumToTensor",
        "prim::TupleConstruct",
        "prim::TupleUnpack",
    }
)
# What an index of several tensors is in a trace.
_INDEX = "List[Optional[Tensor]]"
_OUR_OPERATORS = "qeff_codegen.runtime.customop"
# These stand between a model and some functions of PyTorch while a trace is made.
_WATCHING = (looks_at_tensors.__file__, one_size.__file__)
_FRAME = re.compile(r"^(?P<path>.+)\((?P<line>\d+)\): .*$")


def nodes_of(block: Any) -> Iterator[Any]:
    """All nodes that are translated, those of inner blocks too.

    A custom operator of ours has a translation of its own, which its tests prove. An autograd function without one is
    translated by what it computes.
    """
    for node in block.nodes():
        kind = node.kind()
        if kind == "prim::PythonOp":
            function = getattr(node.pyobj(), "__self__", None)
            if getattr(function, "__module__", "").startswith(_OUR_OPERATORS):
                continue
            if hasattr(function, "symbolic"):
                yield node
        elif kind not in _STRUCTURE:
            yield node
        for inner in node.blocks():
            yield from nodes_of(inner)


def call_of(node: Any) -> Call:
    """What `node` calls, and how."""
    kind = node.kind()
    if kind == "prim::PythonOp":
        return described(f"python::{node.pyname()}", (), (), ())
    names, defaults = _parameters(node.schema())
    tensors: list[str] = []
    arguments = [Argument(name, number_form(symbolic_helper._node_get(node, name))) for name in node.attributeNames()]
    for position, value in enumerate(node.inputs()):
        name = names[position] if position < len(names) else f"input {position}"
        found = _type_of(value, kind)
        if found is not None:
            is_changed = position == 0 and kind.endswith("_") and not kind.endswith("__")
            tensors.append(f"{found} seen elsewhere" if is_changed and seen_elsewhere(value, node) else found)
            continue
        default = defaults.get(name, _NOTHING)
        known = _constant(value)
        if default is _NOTHING or known is _NOTHING or known != default or type(known) is not type(default):
            arguments.append(Argument(name, _form(name, value, known)))
    if kind in ("aten::squeeze", "aten::squeeze_"):
        arguments += lengths_of_one(next(node.inputs()).type().sizes() or (), _given_axes(node))
    results = sorted({_type_of(value, "prim::result") or str(value.type()) for value in node.outputs()})
    return described(kind, tensors, results, arguments)


def place_of(node: Any) -> Place:
    """Where `node` was traced."""
    modules = [scope.split("::")[-1] for scope in node.scopeName().split("/")]
    frames = [found for line in node.sourceRange().splitlines() if (found := _FRAME.match(line))]
    outside = (frame for frame in frames if "/torch/" not in frame["path"] and frame["path"] not in _WATCHING)
    frame = next(outside, frames[0] if frames else None)
    module = ".".join(name for name in modules if name)
    return Place(module, frame["path"], int(frame["line"])) if frame else Place(module, "", 0)


class _Nothing:
    """No default, or no constant."""


_NOTHING = _Nothing()


@cache
def _parameters(schema: str) -> tuple[list[str], dict[str, Any]]:
    """The names of an operator's parameters, and the defaults of those that have one."""
    if not schema or schema.startswith("(no schema)"):
        return [], {}
    arguments = torch._C.parse_schema(schema).arguments
    return (
        [argument.name for argument in arguments],
        {argument.name: argument.default_value for argument in arguments if argument.has_default_value()},
    )


def _type_of(value: Any, operator: str) -> str | None:
    """The type of a tensor or of a list of tensors; None for other values."""
    kind = value.type().kind()
    if kind == "TensorType":
        known = _constant(value)
        rank = value.type().dim()
        if isinstance(known, torch.Tensor):
            rank = known.dim()
        dtype = symbolic_helper._type_utils.JitScalarType.from_value(value).dtype()
        return tensor_type(dtype, rank, known if isinstance(known, torch.Tensor) else None, operator)
    if kind == "ListType" and value.node().kind() == "prim::ListConstruct":
        types = [_type_of(each, operator) for each in value.node().inputs()]
        if any(types):
            form = index_form if str(value.type()) == _INDEX else list_form
            return form(each or "None" for each in types)
    return None


def _constant(value: Any) -> Any:
    node = value.node()
    if node.kind() == "prim::Constant":
        return node.output().toIValue()
    if node.kind() == "prim::ListConstruct":
        elements = [_constant(each) for each in node.inputs()]
        return _NOTHING if any(each is _NOTHING for each in elements) else elements
    return _NOTHING


def _given_axes(node: Any) -> list[int]:
    """The axes that `node` names by numbers."""
    given = [_constant(each) for each in list(node.inputs())[1:]]
    return [axis for each in given for axis in (each if isinstance(each, list) else [each]) if isinstance(axis, int)]


def _form(name: str, value: Any, known: Any) -> str:
    if known is _NOTHING:
        if value.node().kind() != "prim::ListConstruct":
            return TRACED
        return list_form(_form(name, each, _constant(each)) for each in value.node().inputs())
    if name == "dtype" and isinstance(known, int):
        dtype = symbolic_helper._type_utils.JitScalarType(known).dtype()
        return str(dtype).removeprefix("torch.")
    if isinstance(known, list):
        return list_form(number_form(each) for each in known)
    return number_form(known)


@contextmanager
def before_translation(look: Callable[[Any], None]) -> Iterator[None]:
    """Shows `look` every graph that the TorchScript exporter is about to translate.

    This is when the trace is inlined and cleaned, and still says what PyTorch computes: numbers are numbers, in-place
    operators in place. The exporter has no hook there, so its next step is wrapped.
    """
    passes: Any = torch._C
    step = passes._jit_pass_onnx_remove_inplace_ops_for_onnx

    def look_first(graph: Any, module: Any) -> None:
        # On an error the exporter would print the whole graph.
        passes._jit_set_onnx_log_enabled(False)
        look(graph)
        step(graph, module)

    passes._jit_pass_onnx_remove_inplace_ops_for_onnx = look_first
    try:
        yield
    finally:
        passes._jit_pass_onnx_remove_inplace_ops_for_onnx = step
