"""The calls of operators in what torch.export traced."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.fx.proxy import TracerBase

from qeff_codegen.export.proved_operators.calls import (
    TRACED,
    Argument,
    Call,
    Place,
    base_name,
    described,
    index_form,
    lengths_of_one,
    list_form,
    number_form,
    tensor_type,
)
from qeff_codegen.runtime.customop.opsets import AISW, CLOUD

_FRAME = re.compile(r'^\s*File "(?P<path>.+)", line (?P<line>\d+)')
_INDEXING = frozenset({"index", "index_put", "index_put_"})
# Looks at a result of several, at what a tensor is, or whether a size is what the trace took it for; computes nothing.
_ASSERTIONS = frozenset({"_assert_scalar.default", "_assert_tensor_metadata.default"})
_STRUCTURE = _ASSERTIONS | {"getitem"}
_OUR_DOMAINS = frozenset({CLOUD.domain, AISW.domain})


@contextmanager
def lines_recorded() -> Iterator[None]:
    """While a program is traced, each node keeps the innermost line outside of PyTorch.

    PyTorch keeps the lines of functions called `forward` alone, for want of a way to tell a model's own functions.
    """
    tracer: Any = TracerBase
    filtered = tracer._filter_traceback_frames

    def innermost(self: Any, summary: traceback.StackSummary) -> traceback.StackSummary:
        outside = [frame for frame in summary if "/torch/" not in frame.filename]
        return traceback.StackSummary.from_list(outside[-1:])

    tracer._filter_traceback_frames = innermost
    try:
        yield
    finally:
        tracer._filter_traceback_frames = filtered


def calls_in_program(program: torch.export.ExportedProgram) -> Iterator[tuple[Any, Call]]:
    """All calls of a traced program that are translated, each with its node.

    A custom operator of ours stands in the program as the ONNX node that it becomes, which its tests prove.
    """
    for node in program.graph.nodes:
        if node.op != "call_function" or _name(node) in _STRUCTURE or _is_only_asserted(node):
            continue
        if node.target is not torch.ops.onnx_symbolic._symbolic.default or node.kwargs["domain"] not in _OUR_DOMAINS:
            yield node, call_of(node, program)


def _name(node: Any) -> str:
    return str(getattr(node.target, "__name__", ""))


def _is_only_asserted(node: Any) -> bool:
    """Whether a node is no tensor, and is there for assertions alone."""
    is_tensor = isinstance(node.meta.get("val"), (torch.Tensor, list, tuple))
    return bool(node.users) and not is_tensor and all(_name(user) in _ASSERTIONS for user in node.users)


def call_of(node: Any, program: torch.export.ExportedProgram) -> Call:
    """What `node` calls, and how."""
    if not isinstance(node.target, torch._ops.OpOverload):
        name = getattr(node.target, "__name__", str(node.target))
        return described(f"python.{name}", (_plain(each) for each in node.args), (), ())
    tensors: list[str] = []
    arguments: list[Argument] = []
    for position, parameter in enumerate(node.target._schema.arguments):
        given = len(node.args) > position
        if not given and parameter.name not in node.kwargs:
            continue
        value = node.args[position] if given else node.kwargs[parameter.name]
        found = _type_of(value, program, str(node.target))
        if found is not None:
            tensors.append(found)
        elif not (parameter.has_default_value() and _is(value, parameter.default_value)):
            arguments.append(Argument(parameter.name, _plain(value)))
    if base_name(str(node.target)) in ("squeeze", "squeeze_"):
        axes = node.args[1] if len(node.args) > 1 else []
        listed = axes if isinstance(axes, (list, tuple)) else [axes]
        arguments += lengths_of_one(node.args[0].meta["val"].shape, listed)
    return described(str(node.target), tensors, _results(node), arguments)


def place_of(node: Any) -> Place:
    """Where `node` was traced, with its line if `lines_recorded` was in force."""
    modules = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
    module = modules[-1] if modules else ""
    frame = _FRAME.match(node.meta.get("stack_trace", ""))
    return Place(module, frame["path"], int(frame["line"])) if frame else Place(module, "", 0)


def _is(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def _type_of(value: Any, program: torch.export.ExportedProgram, operator: str) -> str | None:
    if isinstance(value, torch.fx.Node):
        tensor = value.meta.get("val")
        if isinstance(tensor, torch.Tensor):
            return tensor_type(tensor.dtype, tensor.dim(), _constant(value, program), operator)
        if isinstance(tensor, (list, tuple)) and any(isinstance(each, torch.Tensor) for each in tensor):
            return list_form(tensor_type(each.dtype, each.dim(), None, operator) for each in tensor)
        return None
    if isinstance(value, (list, tuple)):
        types = [_type_of(each, program, operator) for each in value]
        form = index_form if base_name(operator) in _INDEXING else list_form
        return form(each or "None" for each in types) if any(types) else None
    return None


def _constant(node: torch.fx.Node, program: torch.export.ExportedProgram) -> torch.Tensor | None:
    name = program.graph_signature.inputs_to_lifted_tensor_constants.get(node.name)
    known = program.constants.get(name) if name is not None else None
    return known if isinstance(known, torch.Tensor) else None


def _results(node: torch.fx.Node) -> list[str]:
    result = node.meta.get("val")
    each = result if isinstance(result, (list, tuple)) else [result]
    return sorted(
        {
            (
                tensor_type(one.dtype, one.dim(), None, "python.result")
                if isinstance(one, torch.Tensor)
                else type(one).__name__
            )
            for one in each
        }
    )


def _plain(value: Any) -> str:
    if isinstance(value, torch.fx.Node):
        return TRACED
    if isinstance(value, (list, tuple)):
        return list_form(_plain(each) for each in value)
    if isinstance(value, (torch.dtype, torch.layout, torch.device, torch.memory_format)):
        return str(value).removeprefix("torch.")
    return number_form(value)
