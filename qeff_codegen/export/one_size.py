"""Traces a module of which one size of input is exported: what no input decides is computed while it is traced.

Why: the vision program of one image has fixed sizes, and upstream's towers compute much that follows from them and
from weights alone: position embeddings resized, grids of patches, lists of lengths, masks of padding. A tracer would
write all of that into the graph, in operators that no device needs to have. So a tensor is traced if it was made of an
input's numbers; everything else, sizes too, is a value. Python may ask any of it for numbers, and the graph holds the
result. What asks for an input's numbers is refused: its answer would be that of the example.
"""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_all, tree_map_only

from qeff_codegen.errors import Location, Refusal
from qeff_codegen.export import complex_numbers, multihead_attention
from qeff_codegen.export.tracing_state import not_traced

RULE = "export"
_KNOWN = "_same_for_every_image"
_TENSOR: Any = torch.Tensor
# Sizes, which are those of every call.
_SIZES = frozenset(
    {
        _TENSOR.shape.__get__,
        _TENSOR.ndim.__get__,
        _TENSOR.size,
        _TENSOR.dim,
        _TENSOR.numel,
        _TENSOR.nelement,
        _TENSOR.stride,
        _TENSOR.__len__,
        torch.numel,
    }
)
# What gives an input's numbers to Python, or as many results as its numbers say.
_LOOKS = {
    _TENSOR.item: "`item()`",
    _TENSOR.tolist: "`tolist()`",
    _TENSOR.numpy: "`numpy()`",
    _TENSOR.__bool__: "a condition",
    _TENSOR.__int__: "`int(...)`",
    _TENSOR.__float__: "`float(...)`",
    _TENSOR.__index__: "a Python integer",
    _TENSOR.__contains__: "`in`",
    _TENSOR.equal: "`equal(...)`",
    _TENSOR.nonzero: "`nonzero()`",
    _TENSOR.masked_select: "`masked_select(...)`",
    _TENSOR.unique: "`unique()`",
    torch.equal: "`torch.equal(...)`",
    torch.allclose: "`torch.allclose(...)`",
    torch.is_nonzero: "`torch.is_nonzero(...)`",
    torch.nonzero: "`torch.nonzero(...)`",
    torch.masked_select: "`torch.masked_select(...)`",
    torch.unique: "`torch.unique(...)`",
    torch.tensor: "`torch.tensor(...)`",
}
_TORCH = Path(torch.__file__).parent


class _OfInputs(TorchFunctionMode):
    """While a module is traced, traces the calls that an input may have a part in, and computes the others."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """See `TorchFunctionMode`."""
        given = kwargs or {}
        if function in _SIZES:
            with not_traced():
                return function(*args, **given)
        if function is torch.view_as_complex and not tree_all(_is_known, (args, given)):
            with not_traced():
                return complex_numbers.of_pairs(function(*args, **given), *args)
        if any(map(complex_numbers.is_one, (*args, *given.values()))):
            with not_traced():
                value = function(*args, **given)
            computed = complex_numbers.computed(function, args, value)
            if computed is None:
                raise _refusal(f"`{getattr(function, '__name__', function)}` of complex numbers")
            return computed
        if tree_all(_is_known, (args, given)):
            with not_traced():
                return tree_map_only(torch.Tensor, _known, function(*args, **given))
        if function is multihead_attention.FUNCTION:
            with self:
                attended = multihead_attention.attention_of(args, given)
            if attended is not None:
                return attended
        if function in _LOOKS or (function is torch.where and len(args) + len(given) == 1):
            raise _refusal(_LOOKS.get(function, "`torch.where(...)` with one argument"))
        name = getattr(function, "__name__", "")
        if name == "__setitem__" or (name.endswith("_") and not name.endswith("__")):
            _written_to(args[0])
        if name == "__getitem__" and _takes_all(args[1]):
            return _flattened(args[0], 0, args[1].dim() - 1)
        if name in ("__getitem__", "__setitem__"):
            args = (args[0], _places(args[1]), *args[2:])
            rows = _rows_taken(args[1])
            if name == "__getitem__" and rows is not None:
                with not_traced():
                    flat, shape = rows.flatten(), (*rows.shape, *args[0].shape[1:])
                taken = args[0].index_select(0, flat)
                return taken if rows.dim() == 1 else taken.reshape(shape)
        if name == "unbind":
            return _one_by_one(*args, **given)
        if name == "flatten":
            return _flattened(*args, **given)
        if name == "squeeze" and len(args) + len(given) == 2:
            return _squeezed(*args, **given)
        if name in ("split", "split_with_sizes"):
            return _split(*args, **given)
        return function(*args, **given)


def _one_by_one(tensor: torch.Tensor, dim: int = 0) -> tuple[torch.Tensor, ...]:
    """The parts of a tensor along an axis, whose number is known; a loop over a tensor asks for them."""
    with not_traced():
        count = tensor.shape[dim]
    return tuple(tensor.select(dim, index) for index in range(count))


def _flattened(tensor: torch.Tensor, start_dim: int = 0, end_dim: int = -1) -> torch.Tensor:
    """A tensor with several axes as one, whose length is known."""
    with not_traced():
        shape = tuple(tensor.flatten(start_dim, end_dim).shape)
    return tensor.reshape(shape)


def _squeezed(tensor: torch.Tensor, dim: int) -> torch.Tensor:
    """A tensor without an axis of length 1; as it is if the axis is longer."""
    with not_traced():
        length, axis = tensor.shape[dim], dim % tensor.dim()
    return tensor.select(axis, 0) if length == 1 else tensor


def _split(tensor: torch.Tensor, sizes: Any, dim: int = 0) -> tuple[torch.Tensor, ...]:
    """The parts of a tensor of known sizes along an axis, each a slice."""
    with not_traced():
        length, axes = tensor.shape[dim], tensor.dim()
        whole = int(sizes) if isinstance(sizes, int | torch.Tensor) else 0
        lengths = [whole] * (length // whole) + [length % whole] * (length % whole > 0) if whole else map(int, sizes)
    axis, start, found = dim % axes, 0, []
    for each in lengths:
        found.append(tensor[(*[slice(None)] * axis, slice(start, start + each))])
        start += each
    return tuple(found)


def _is_known(value: Any) -> bool:
    return not isinstance(value, torch.Tensor) or getattr(value, _KNOWN, False)


def _known(value: torch.Tensor) -> torch.Tensor:
    setattr(value, _KNOWN, True)
    return value


def _written_to(tensor: torch.Tensor) -> None:
    """Takes a tensor that what an image shows is written to for one that is made of it."""
    if _is_known(tensor):
        if tensor._is_view():
            raise _refusal("what is written to a part of a tensor")
        # The graph keeps what a tensor holds when it is exported, which is the sum already where one is added to it.
        with not_traced():
            before = tensor.clone()
        bindings: Any = torch._C
        bindings._set_value_trace(tensor, bindings._get_value_trace(before.clone()))
        setattr(tensor, _KNOWN, False)


def _places(index: Any) -> Any:
    """An index with the places of a mask that no input decides, whose number is a size of the graph."""

    def places(mask: torch.Tensor) -> Any:
        if mask.dtype is not torch.bool:
            return mask
        if not _is_known(mask):
            raise _refusal("an index by a mask")
        with not_traced():
            found = mask.nonzero(as_tuple=True)
            is_whole = mask.dim() == 1 and bool(mask.all())
        return slice(None) if is_whole else found if len(found) > 1 else found[0]

    if isinstance(index, torch.Tensor):
        return places(index)
    if isinstance(index, tuple):
        flat: list[Any] = []
        for item in index:
            found = places(item) if isinstance(item, torch.Tensor) else item
            flat += found if isinstance(found, tuple) else (found,)
        return tuple(flat)
    return index


def _takes_all(index: Any) -> bool:
    """Whether an index is a mask of several axes that no input decides, and takes everything: nothing is padding."""
    if not isinstance(index, torch.Tensor) or index.dtype is not torch.bool or not _is_known(index):
        return False
    with not_traced():
        return index.dim() > 1 and bool(index.all())


def _rows_taken(index: Any) -> torch.Tensor | None:
    """The places along the first axis that an index takes, where it takes all of the other axes."""
    first, *others = index if isinstance(index, tuple) else (index,)
    is_tensor = isinstance(first, torch.Tensor) and first.dim() > 0 and first.dtype in (torch.int32, torch.int64)
    takes_all = all(isinstance(item, slice) and item == slice(None) for item in others)
    return first if is_tensor and takes_all and _is_known(first) else None


@contextmanager
def traced_for_one_size(known: Sequence[torch.Tensor] = ()) -> Iterator[None]:
    """The TorchScript exporter traces what is made of a module's inputs; the last of them are its weights.

    Modules that ask whether they are traced, and then compute for inputs of any size, are told that they are not.

    Args:
        known: what the module computes with beside inputs, weights and buffers.

    Raises:
        Refusal: Python asks for numbers that an input decides.
    """
    jit: Any = torch.jit
    trace, is_tracing = jit._get_trace_graph, jit.is_tracing

    def for_one_size(model: torch.nn.Module, arguments: tuple[Any, ...], **options: Any) -> Any:
        inside = model.forward

        def forward(*inputs: Any) -> Any:
            for tensor in (*inputs[-1], *model.buffers(), *known):
                _known(tensor)
            with _OfInputs():
                return inside(*inputs)

        model.forward = forward
        try:
            return trace(model, arguments, **options)
        finally:
            del model.forward

    jit._get_trace_graph, jit.is_tracing = for_one_size, lambda: False
    try:
        yield
    finally:
        jit._get_trace_graph, jit.is_tracing = trace, is_tracing


def _refusal(what: str) -> Refusal:
    frame: Any = sys._getframe(1)
    while frame is not None and (
        Path(frame.f_code.co_filename).is_relative_to(_TORCH) or frame.f_code.co_filename == __file__
    ):
        frame = frame.f_back
    location = None
    if frame is not None:
        path = Path(frame.f_code.co_filename)
        shown = os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
        location = Location(shown, frame.f_lineno, linecache.getline(str(path), frame.f_lineno))
    return Refusal(
        f"{what} depends on what an image shows, and the graph would keep the answer for every image.",
        rule=RULE,
        location=location,
        expected="numbers that follow from the size of an image, from weights and settings",
        next_step="compute the same without a Python number, as in `torch.where(mask, a, b)`",
    )
