"""A proof: expressions, exported at one size and run at others on ONNX Runtime, give what PyTorch gives."""

from __future__ import annotations

import contextlib
import io
import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import nn
from torch.export import Dim
from torch.onnx._internal.exporter import _registration

from qeff_codegen.export.missing_operators import register_missing_operators
from qeff_codegen.export.proved_operators import torchscript_calls
from qeff_codegen.export.proved_operators.calls import Call, base_name
from qeff_codegen.export.proved_operators.table import TORCH_EXPORT, TORCHSCRIPT
from qeff_codegen.export.proved_operators.torch_export_calls import calls_in_program
from qeff_codegen.export.translations.of_torch_export import TRANSLATIONS_OF_TORCH_EXPORT
from qeff_codegen.runtime.constants import ONNX_DYNAMO_EXPORT_OPSET, ONNX_EXPORT_OPSET
from qeff_codegen.runtime.states.parts import filled_up, part_length
from tests.export.proved import values

EXPORTERS = (TORCHSCRIPT, TORCH_EXPORT)

FLOATS = (torch.float32, torch.float16)
# Of the axes that expressions call b and c: the first is traced; then other ones, one of each, and none.
SIZES = ((2, 3), (3, 5), (1, 1), (4, 0))
FILLED = SIZES[:3]
_TOLERANCES = {torch.float16: 2e-3}

# The exporter reads the source of its translations at each export, which takes longer than most proofs.
_registration.ONNXRegistry.from_torchlib = staticmethod(  # type: ignore[method-assign]
    cache(_registration.ONNXRegistry.from_torchlib)
)

Inputs = tuple[torch.Tensor, ...]
_RUNTIME_ERRORS = tuple(
    getattr(onnxruntime.capi.onnxruntime_pybind11_state, name)
    for name in ("Fail", "InvalidArgument", "RuntimeException")
)


class OtherNumbersError(AssertionError):
    """A graph gives other numbers than PyTorch."""


def put(tensor: torch.Tensor, index: Any, value: Any) -> torch.Tensor:
    """A copy in which `tensor[index]` is `value`."""
    copy = tensor.clone()
    copy[index] = value
    return copy


def changed(tensor: torch.Tensor, index: Any, method: str, *arguments: Any) -> torch.Tensor:
    """A copy whose part at `index` was changed in place."""
    copy = tensor.clone()
    getattr(copy[index], method)(*arguments)
    return copy


def augmented(tensor: torch.Tensor, index: Any, value: Any) -> torch.Tensor:
    """A copy with `value` added to a part by an augmented assignment."""
    copy = tensor.clone()
    copy[index] += value
    return copy


def assembled(*parts: torch.Tensor) -> torch.Tensor:
    """Parts side by side, written into a new tensor one after the other."""
    widths = [4, 2, 8][: len(parts)]
    whole = parts[0].new_empty(*parts[0].shape[:-1], sum(widths))
    for end, width, part in zip(itertools.accumulate(widths), widths, parts, strict=True):
        whole[..., end - width : end] = part
    return whole


def seen(tensor: torch.Tensor, view: str, arguments: tuple[Any, ...], method: str, value: Any) -> torch.Tensor:
    """A copy that was changed in place through another view of it."""
    copy = tensor.clone()
    getattr(getattr(copy, view)(*arguments), method)(value)
    return copy


def kept(tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """What was computed of a tensor before it was changed in place, the tensor, and what was computed after."""
    copy = tensor.clone()
    before = copy * 2
    copy.add_(1.0)
    return before, copy, copy * 2


def kept_alias(tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Two names of one tensor that is changed in place."""
    copy = tensor.clone()
    other = copy
    copy.mul_(2)
    part = copy[:, 0]
    copy.add_(1.0)
    return copy, other, part


_NAMES = {
    "assembled": assembled,
    "changed": changed,
    "augmented": augmented,
    "seen": seen,
    "kept": kept,
    "kept_alias": kept_alias,
    "torch": torch,
    "F": nn.functional,
    "inf": float("inf"),
    "put": put,
    "filled_up": filled_up,
    "part_length": part_length,
    **{name: getattr(values, name) for name in dir(values) if not name.startswith("_")},
}


@dataclass(frozen=True)
class Proof:
    """What is proved at once.

    Attributes:
        operators: the names of the operators that are proved, without their overloads, those in place with them;
            others that the expressions use are others' to prove.
        inputs: tensors by name, of the sizes b and c, and of the type t.
        expressions: in PyTorch, of the inputs.
        t: the type that `inputs` and expressions call t.
        sizes: of b and c.
        tolerance: how far a float may be off, relative and absolute; integers, booleans and infinities never.
    """

    operators: str
    inputs: str
    expressions: tuple[str, ...]
    t: torch.dtype = torch.float32
    sizes: Sequence[tuple[int, int]] = SIZES
    tolerance: float = 1e-6

    @property
    def name(self) -> str:
        """Names it in the table: what it proves, and of which type."""
        kind = str(self.t).removeprefix("torch.")
        return f"{self.operators.split()[0]} of {kind}: {self.expressions[0]}"

    @cached_property
    def cases(self) -> list[Inputs]:
        """The inputs at every size."""
        return [self._at(b, c) for b, c in self.sizes]

    def _at(self, b: int, c: int) -> Inputs:
        return tuple(eval(f"dict({self.inputs})", {**_NAMES, "b": b, "c": c, "t": self.t}).values())

    @property
    def names(self) -> list[str]:
        """What expressions call the inputs."""
        return list(eval(f"dict({self.inputs})", {**_NAMES, "b": 2, "c": 3, "t": self.t}))

    def results(self, expressions: Sequence[str], inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """What PyTorch makes of `inputs`."""
        known = {**_NAMES, "t": self.t, **dict(zip(self.names, inputs, strict=True))}
        results: list[torch.Tensor] = []
        for expression in expressions:
            found = eval(expression, known)
            results += [found] if isinstance(found, torch.Tensor) else list(found)
        return results


def proofs(
    operators: str, inputs: str, *expressions: str, types: Sequence[torch.dtype] = FLOATS, **others: Any
) -> list[Proof]:
    """A proof for each of `types`; `expressions` are separated by semicolons."""
    tolerance = others.pop("tolerance", 1e-6)
    parts = tuple(" ".join(part.split()) for text in expressions for part in text.split(";"))
    return [
        Proof(
            operators,
            " ".join(inputs.split()),
            parts,
            t=each,
            tolerance=max(tolerance, _TOLERANCES.get(each, 0.0)),
            **others,
        )
        for each in types
    ]


class _Traced(nn.Module):
    def __init__(self, proof: Proof, expressions: Sequence[str]) -> None:
        super().__init__()
        self.proof = proof
        self.expressions = expressions

    def forward(self, *inputs: torch.Tensor) -> list[torch.Tensor]:
        return self.proof.results(self.expressions, inputs)


def proved_calls(proof: Proof, exporter: str, expressions: Sequence[str]) -> set[Call]:
    """The calls that some of a proof's expressions show to be right, by showing it.

    Raises:
        OtherNumbersError: a number, shape or type is not PyTorch's.
    """
    graph, calls = exported(proof, exporter, expressions)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(graph, options)
    taken = {each.name for each in session.get_inputs()}
    for case in proof.cases:
        with torch.no_grad():
            expected = proof.results(expressions, _copies(case))
        feed = {name: tensor.numpy() for name, tensor in zip(proof.names, case, strict=True) if name in taken}
        try:
            found = session.run(None, feed)
        except _RUNTIME_ERRORS:
            # Of nothing, an error will do: it is no wrong number, and no decoder has such an axis.
            if all(tensor.numel() for tensor in case):
                raise
            continue
        for place, (result, wanted) in enumerate(zip(found, expected, strict=True)):
            label = f"result {place} of {[tuple(each.shape) for each in case]}"
            assert_same(label, result, wanted.numpy(), proof.tolerance)
    names = set(proof.operators.split())
    return {call for call in calls if {base_name(call.operator), base_name(call.operator).removesuffix("_")} & names}


def assert_same(label: str, found: np.ndarray, wanted: np.ndarray, tolerance: float) -> None:
    """Equal in type, shape and numbers; floats up to `tolerance`.

    Raises:
        OtherNumbersError: they are not.
    """
    if found.dtype != wanted.dtype or found.shape != wanted.shape:
        raise OtherNumbersError(f"{label}: {found.dtype} {found.shape} for {wanted.dtype} {wanted.shape}")
    rounding = tolerance if np.issubdtype(wanted.dtype, np.floating) else 0.0
    try:
        np.testing.assert_allclose(found, wanted, rtol=rounding, atol=rounding, equal_nan=True)
    except AssertionError as error:
        raise OtherNumbersError(f"{label}: {error}") from None


def exported(proof: Proof, exporter: str, expressions: Sequence[str]) -> tuple[bytes, set[Call]]:
    """The graph of expressions, and the calls that stood in the trace."""
    calls: set[Call] = set()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        traced = _Traced(proof, expressions).eval()
        return (_with_torchscript if exporter == TORCHSCRIPT else _with_torch_export)(proof, traced, calls), calls


def calls_in_trace(proof: Proof, exporter: str, expressions: Sequence[str]) -> set[Call]:
    """The calls that stand in the trace, whether the exporter can go on with them or not."""
    calls: set[Call] = set()
    with warnings.catch_warnings(), torch.no_grad(), contextlib.suppress(Exception):
        warnings.simplefilter("ignore")
        traced = _Traced(proof, expressions).eval()
        (_with_torchscript if exporter == TORCHSCRIPT else _with_torch_export)(proof, traced, calls)
    return calls


def _with_torchscript(proof: Proof, traced: nn.Module, calls: set[Call]) -> bytes:
    register_missing_operators()
    file: Any = io.BytesIO()
    axes = zip(proof.names, _dynamic(proof.cases), strict=True)
    with torchscript_calls.before_translation(
        lambda graph: calls.update(map(torchscript_calls.call_of, torchscript_calls.nodes_of(graph)))
    ):
        torch.onnx.export(
            traced,
            _copies(proof.cases[0]),
            file,
            input_names=proof.names,
            dynamic_axes={name: {axis: f"{name}_{axis}" for axis in of_name} for name, of_name in axes},
            opset_version=ONNX_EXPORT_OPSET,
            dynamo=False,
        )
    return bytes(file.getvalue())


def _with_torch_export(proof: Proof, traced: nn.Module, calls: set[Call]) -> bytes:
    shapes = tuple(dict.fromkeys(axes, Dim.DYNAMIC) for axes in _dynamic(proof.cases))
    program = torch.export.export(traced, _copies(proof.cases[0]), dynamic_shapes=(shapes,), strict=False)
    calls.update(call for _, call in calls_in_program(program))
    done = torch.onnx.export(
        program,
        (),
        input_names=proof.names,
        opset_version=ONNX_DYNAMO_EXPORT_OPSET,
        dynamo=True,
        custom_translation_table=TRANSLATIONS_OF_TORCH_EXPORT,
        optimize=False,
        verbose=False,
    )
    assert done is not None
    return bytes(done.model_proto.SerializeToString())


def _copies(case: Inputs) -> Inputs:
    return tuple(tensor.clone() for tensor in case)


def _dynamic(cases: Sequence[Inputs]) -> list[list[int]]:
    return [
        [axis for axis in range(tensors[0].dim()) if len({tensor.shape[axis] for tensor in tensors}) > 1]
        for tensors in zip(*cases, strict=True)
    ]
