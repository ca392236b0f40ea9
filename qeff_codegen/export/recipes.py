"""How the numbers of a deferred tensor are made: read from a file, computed, or changed in place.

Large ones are made piece by piece where that gives the same: of a weight that is stored in bfloat16, converted to
float32 and then to float16, a few rows go all the way before the next are read. So beside the result there is never
more than a piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._pytree import tree_map_only

from qeff_codegen.export.tracing_state import not_traced

# Of a piece, at most; a row may be larger.
PIECE_BYTES = 8 * 2**20
# What is computed on the way is kept for who needs it again up to this size.
_KEPT_BYTES = 2**20

Memo = dict[int, torch.Tensor]
# Where a piece begins in the whole.
Place = tuple[int, ...]


class NotDeferredError(Exception):
    """Something cannot be computed later; with the numbers at hand it can."""


@dataclass(frozen=True, eq=False)
class Recipe:
    """How a storage's numbers are made.

    Attributes:
        size: of the tensor that is made.
        stride: of the same tensor; it begins where the storage does.
        dtype: of the same tensor.
    """

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    @property
    def storage_elements(self) -> int:
        """How many elements the storage has room for."""
        if 0 in self.size:
            return 0
        return 1 + sum((length - 1) * step for length, step in zip(self.size, self.stride, strict=True))

    @property
    def whole(self) -> View:
        """All that is made."""
        return View(self, self.size, self.stride, 0, 0)

    def make(self, memo: Memo) -> torch.Tensor:
        """The tensor, of any strides."""
        raise NotImplementedError

    def pieces(self, memo: Memo) -> Iterator[tuple[Place, torch.Tensor]]:
        """The tensor, piece by piece."""
        yield (0,) * len(self.size), self.make(memo)


@dataclass(frozen=True, eq=False)
class View:
    """A part of what a recipe makes, or of a tensor that is there.

    Attributes:
        source: either.
        size: of the part.
        stride: of the part.
        offset: of its first element in the storage.
        version: of a tensor that is there: its numbers are not what they were when this has risen.
    """

    source: Recipe | torch.Tensor
    size: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    version: int

    @property
    def is_whole(self) -> bool:
        """Whether it is all that a recipe makes."""
        source = self.source
        return isinstance(source, Recipe) and (self.size, self.stride, self.offset) == (source.size, source.stride, 0)


@dataclass(frozen=True, eq=False)
class Stored(Recipe):
    """Read from a file.

    Attributes:
        rows: reads the part of the first dimension from one index to another.
    """

    rows: Callable[[int, int], torch.Tensor]

    def make(self, memo: Memo) -> torch.Tensor:
        """Reads it."""
        return self.rows(0, self.size[0])

    def pieces(self, memo: Memo) -> Iterator[tuple[Place, torch.Tensor]]:
        """Reads as many rows at once as make a piece."""
        length, row = self.size[0], self.stride[0] * self.dtype.itemsize
        step = max(1, PIECE_BYTES // row)
        for start in range(0, length, step):
            yield (start, *(0 for _ in self.size[1:])), self.rows(start, min(start + step, length))


@dataclass(frozen=True, eq=False)
class Made(Recipe):
    """Made by a function, as a whole.

    Attributes:
        function: gives the same numbers each time.
    """

    function: Callable[[], torch.Tensor]

    def make(self, memo: Memo) -> torch.Tensor:
        """Calls it."""
        return self.function()


@dataclass(frozen=True, eq=False)
class Computed(Recipe):
    """A result of an operator.

    Attributes:
        operator: it.
        args: what it was called with; tensors are views.
        kwargs: likewise.
        index: which of several results this is; None of one.
    """

    operator: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    index: int | None

    def make(self, memo: Memo) -> torch.Tensor:
        """Calls the operator."""
        args, kwargs = tree_map_only(View, lambda view: _value(view, memo), (self.args, self.kwargs))
        result: Any = self.operator(*args, **kwargs)
        tensor: torch.Tensor = result if self.index is None else result[self.index]
        return tensor

    def pieces(self, memo: Memo) -> Iterator[tuple[Place, torch.Tensor]]:
        """Converts or joins pieces; what any other operator makes is one piece."""
        if self.operator is torch.ops.aten._to_copy.default:
            for place, piece in _pieces(self.args[0], memo):
                yield place, self.operator(piece, **self.kwargs)
        elif self.operator is torch.ops.aten.cat.default:
            dim, start = (self.args[1] if len(self.args) > 1 else 0) % len(self.size), 0
            for part in self.args[0]:
                for place, piece in _pieces(part, memo):
                    yield (*place[:dim], place[dim] + start, *place[dim + 1 :]), piece
                start += part.size[dim]
        elif self.operator is torch.ops.aten.stack.default:
            dim = (self.args[1] if len(self.args) > 1 else 0) % len(self.size)
            for index, part in enumerate(self.args[0]):
                for place, piece in _pieces(part, memo):
                    yield (*place[:dim], index, *place[dim:]), piece.unsqueeze(dim)
        else:
            yield from super().pieces(memo)


@dataclass(frozen=True, eq=False)
class Changed(Recipe):
    """A tensor that an operator changes.

    Attributes:
        operator: it.
        given: its arguments by their names; tensors are views, of what they were before.
        target: the name of the one that it changes.
        before: the whole storage as it was.
    """

    operator: Any
    given: Mapping[str, Any]
    target: str
    before: View

    def make(self, memo: Memo) -> torch.Tensor:
        """Calls the operator on a copy."""
        copy = _value(self.before, memo).clone()
        target: View = self.given[self.target]
        others = {name: value for name, value in self.given.items() if name != self.target}
        others = tree_map_only(View, lambda view: _value(view, memo), others)
        self.operator(**others, **{self.target: copy.as_strided(target.size, target.stride, target.offset)})
        return copy


def value_of(view: View) -> torch.Tensor:
    """The numbers of a view.

    Raises:
        NotDeferredError: a tensor that it is made of has changed meanwhile, or too much must be computed for it.
    """
    try:
        with torch.no_grad(), not_traced():
            return _value(view, {})
    except RecursionError as error:
        raise NotDeferredError("too many operators in a row") from error


def _value(view: View, memo: Memo) -> torch.Tensor:
    source = view.source
    if isinstance(source, torch.Tensor):
        if source._version != view.version:
            raise NotDeferredError("a tensor has changed that others are made of")
        return source
    whole = memo.get(id(source))
    if whole is None:
        whole = _whole(source, memo)
        if whole.nbytes <= _KEPT_BYTES:
            memo[id(source)] = whole
    return whole if view.is_whole else whole.as_strided(view.size, view.stride, view.offset)


def _whole(recipe: Recipe, memo: Memo) -> torch.Tensor:
    """What a recipe makes, with the strides that it promises: views go by them."""
    made: torch.Tensor | None = None
    for place, piece in recipe.pieces(memo):
        if made is None and tuple(piece.shape) == recipe.size and piece.stride() == recipe.stride:
            return piece
        if made is None:
            made = torch.empty_strided(recipe.size, recipe.stride, dtype=recipe.dtype)
        ends = (slice(start, start + length) for start, length in zip(place, piece.shape, strict=True))
        made[tuple(ends)] = piece
    assert made is not None
    return made


def _pieces(view: View, memo: Memo) -> Iterator[tuple[Place, torch.Tensor]]:
    if view.is_whole and isinstance(view.source, Recipe):
        yield from view.source.pieces(memo)
    else:
        yield (0,) * len(view.size), _value(view, memo)
