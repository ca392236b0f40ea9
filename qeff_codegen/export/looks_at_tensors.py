"""What Python code asks tensors for while a model is traced with TorchScript, and what the answers are made of.

Asking is a method that gives a number, a list or an array, or a function of PyTorch that takes the numbers of a
tensor; while a model is traced they note who asks. What a tensor was computed of is read off the growing graph.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from torch import nn

from qeff_codegen import runtime
from qeff_codegen.export.size_ranges import Limits, is_settled

# What gives numbers of a tensor to Python, by its name in messages.
_NUMBERS = {
    "__bool__": "a condition",
    "__int__": "`int(...)`",
    "__float__": "`float(...)`",
    "__complex__": "`complex(...)`",
    "item": "`item()`",
    "tolist": "`tolist()`",
    "numpy": "`numpy()`",
    "equal": "`equal(...)`",
    "allclose": "`allclose(...)`",
    "is_nonzero": "`is_nonzero()`",
}
_FUNCTIONS = {
    "tensor": "`torch.tensor(...)`",
    "equal": "`torch.equal(...)`",
    "allclose": "`torch.allclose(...)`",
    "is_nonzero": "`torch.is_nonzero(...)`",
}
_NEW = {"new_tensor": "`new_tensor(...)`"}
_LENGTHS = {"__len__": "`len(...)`", "__iter__": "a loop over the first axis"}
_DATA = "`data`"
_INTEGER = "a Python integer (of a range, or a place in a list)"
# Ours asks for lengths to share what layers compute; tests run it at others.
_RUNTIME = Path(runtime.__path__[0])


@dataclass(frozen=True)
class Look:
    """A tensor that was asked for something that may be another thing in another call.

    Attributes:
        what: how it was asked, as messages say it.
        path: of the file that asked, outside of PyTorch.
        line: its line there.
        module: the identity of the innermost module.
        sizes: of the example, that the answer is made of.
        is_of_data: whether it is made of what a call brings, tokens or cache.
    """

    what: str
    path: str
    line: int
    module: int
    sizes: tuple[int, ...]
    is_of_data: bool


@contextmanager
def looks_noted(model: nn.Module, limits: Limits) -> Iterator[list[Look]]:
    """The looks at tensors while `model` is traced, in their order.

    What is made of constants and weights alone is the same in every call, and no look; so is a comparison of sizes
    that has one answer within their limits.

    Args:
        model: what is traced.
        limits: of the inputs that are no weights, which come first.
    """
    looks: list[Look] = []
    indices = _Indices()

    def note(what: str, tensor: Any) -> None:
        value = _value_of(tensor)
        if value is not None and not is_settled(value, limits):
            looks.extend(_look(what, *_made_of(value, len(limits))))

    def noting(function: Callable[..., Any], what: str) -> Callable[..., Any]:
        def asked(*arguments: Any, **options: Any) -> Any:
            for each in arguments[:2]:
                note(what, each)
            return function(*arguments, **options)

        return asked

    def noting_second(function: Callable[..., Any], what: str) -> Callable[..., Any]:
        def asked(like: Any, number: Any, **options: Any) -> Any:
            note(what, number)
            return function(like, number, **options)

        return asked

    def measuring(function: Callable[..., Any], what: str) -> Callable[..., Any]:
        def asked(tensor: Any) -> Any:
            value = _value_of(tensor)
            if value is not None:
                looks.extend(_look(what, (value.type().sizes()[0],), False))
            return function(tensor)

        return asked

    def indexing(function: Callable[..., int]) -> Callable[..., int]:
        def asked(tensor: Any) -> int:
            value = _value_of(tensor)
            if value is not None:
                indices.note(value, _look(_INTEGER, *_made_of(value, len(limits))))
            return function(tensor)

        return asked

    def settle(*_: Any) -> None:
        looks.extend(indices.frozen())

    tensor: Any = torch.Tensor
    with ExitStack() as replaced:
        for owner, names, wrap in (
            (tensor, _NUMBERS, noting),
            (torch, _FUNCTIONS, noting),
            (tensor, _NEW, noting_second),
            (tensor, _LENGTHS, measuring),
            (tensor, {"__index__": _INTEGER}, lambda function, _: indexing(function)),
        ):
            for name, what in names.items():
                replaced.enter_context(_replaced(owner, name, wrap(getattr(owner, name), what)))
        data = property(noting(tensor.data.__get__, _DATA), tensor.data.__set__)
        replaced.enter_context(_replaced(tensor, "data", data))
        # Nodes may be asked as long as the graph only grows.
        replaced.callback(model.register_forward_hook(settle).remove)
        yield looks


@contextmanager
def _replaced(owner: Any, name: str, replacement: Any) -> Iterator[None]:
    is_own = name in vars(owner)
    original = getattr(owner, name)
    setattr(owner, name, replacement)
    try:
        yield
    finally:
        if is_own:
            setattr(owner, name, original)
        else:
            delattr(owner, name)


def _value_of(tensor: Any) -> Any:
    """What a tensor is in the graph; None for anything else, and where nothing is traced."""
    internals: Any = torch._C
    if isinstance(tensor, torch.Tensor) and internals._get_tracing_state() is not None:
        return internals._get_value_trace(tensor)
    return None


def _made_of(value: Any, inputs: int) -> tuple[tuple[int, ...], bool]:
    """The sizes that a value is computed of, and whether it is computed of data too, the first `inputs` of a graph."""
    sizes: list[int] = []
    is_of_data = False
    seen: set[int] = set()
    due = [value]
    while due:
        each = due.pop()
        if each.unique() in seen:
            continue
        seen.add(each.unique())
        node = each.node()
        given = list(node.inputs())
        if node.kind() == "prim::Param":
            is_of_data |= each.unique() in {other.unique() for other in list(node.outputs())[:inputs]}
        elif node.kind() == "aten::size":
            sizes.append(given[0].type().sizes()[given[1].toIValue()])
        elif node.kind() == "aten::numel":
            sizes += given[0].type().sizes()
        else:
            due += reversed(given)
    return tuple(sizes), is_of_data


def _look(what: str, sizes: tuple[int, ...], is_of_data: bool) -> list[Look]:
    """The look of whoever asks now; none where the answer is a constant, or our runtime asks."""
    if not sizes and not is_of_data:
        return []
    frame: Any = sys._getframe(2)
    while frame.f_code.co_filename == __file__ or "/torch/" in frame.f_code.co_filename:
        frame = frame.f_back
    path, line = frame.f_code.co_filename, frame.f_lineno
    if Path(path).is_relative_to(_RUNTIME):
        return []
    while frame is not None and not isinstance(frame.f_locals.get("self"), nn.Module):
        frame = frame.f_back
    module = 0 if frame is None else id(frame.f_locals["self"])
    return [Look(what, path, line, module, sizes, is_of_data)]


class _Indices:
    """Who asked tensors for Python integers, of which some are for PyTorch itself.

    A slice of a tensor asks for the numbers of its bounds and is then traced with the bounds; so is an operator that
    takes an integer, whose argument stands in the graph before it asks, not used yet.
    """

    def __init__(self) -> None:
        self._asked: dict[int, tuple[Any, list[tuple[int, list[Look]]]]] = {}

    def note(self, value: Any, looks: list[Look]) -> None:
        """Notes that the number of `value` was asked for."""
        integers = _integers(value)
        if any(not list(integer.uses()) for integer in integers):
            return
        _, asked = self._asked.setdefault(value.unique(), (value, []))
        asked.append((_slices(integers), looks))

    def frozen(self) -> Iterator[Look]:
        """Those that no slice came of; to be called at the end of tracing."""
        for value, asked in self._asked.values():
            made = [count for count, _ in asked] + [_slices(_integers(value))]
            for count, group in groupby(asked, key=lambda each: each[0]):
                later = next((other for other in made if other > count), count)
                looks = [look for _, look in group]
                # A slice is made after it has asked, so the last ones are its own.
                for look in looks[: max(0, len(looks) - (later - count))]:
                    yield from look


def _integers(value: Any) -> list[Any]:
    return [use.user.output() for use in value.uses() if use.user.kind() == "aten::Int"]


def _slices(integers: list[Any]) -> int:
    return sum(use.user.kind() == "aten::slice" for integer in integers for use in integer.uses())
