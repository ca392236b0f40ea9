"""Tensors whose numbers are made when somebody asks for them, so that a model of any size fits into memory.

A weight is left in its file. What stands for it is a tensor of its size whose memory is never touched, and its storage
has a recipe: which bytes to read. Whatever is computed from such a tensor while `Deferral` is active is not computed
but noted, as another recipe: conversions, merged experts, a 1 that is added to a norm's weight. Views share a storage,
and so its recipe. Whoever asks for a number, as `item()` does, gets the true one, made now. So a model may be loaded,
mapped to other classes, converted and traced, and each of its weights is made of its file when it is written.

A storage of PyTorch is one Python object as long as it lives, and keeps attributes.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter, tree_map_only

from qeff_codegen.export.recipes import (
    Changed,
    Computed,
    NotDeferredError,
    Recipe,
    View,
    value_of,
)
from qeff_codegen.export.tracing_state import is_traced, not_traced, tracer_allowed

_RECIPE = "_qeff_codegen_recipe"
# Below this a tensor gets memory of its own at once: a page is all that there is to spare.
_PAGE = 4096
# What tensors are asked for without a call that a dispatch mode sees.
_ASKED = ("numpy", "tolist")
_ACTIVE = ContextVar("tensors are deferred", default=False)


def stands_for(recipe: Recipe) -> torch.Tensor:
    """A tensor that stands for what a recipe makes, in memory that is never touched."""
    nbytes = recipe.storage_elements * recipe.dtype.itemsize
    if nbytes < _PAGE:
        memory = torch.zeros(max(nbytes, 1), dtype=torch.uint8)
    else:
        # Nothing is set aside for it until somebody writes.
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        memory = torch.frombuffer(mmap.mmap(-1, nbytes, flags=flags), dtype=torch.uint8)
    storage = memory.untyped_storage()
    setattr(storage, _RECIPE, recipe)
    tensor = torch.empty(0, dtype=recipe.dtype)
    tensor.set_(storage, 0, recipe.size, recipe.stride)
    return tensor


def recipe_of(tensor: torch.Tensor) -> Recipe | None:
    """The recipe of a tensor's storage; None where its memory holds its numbers."""
    if tensor.layout is not torch.strided:
        return None
    recipe: Recipe | None = getattr(tensor.untyped_storage(), _RECIPE, None)
    return recipe


def view_of(tensor: torch.Tensor) -> View:
    """A tensor as an ingredient of a recipe."""
    recipe = recipe_of(tensor)
    source = tensor if recipe is None else recipe
    return View(source, tuple(tensor.shape), tensor.stride(), int(tensor.storage_offset()), tensor._version)


def made(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor with its numbers: a deferred one made now, any other as it is.

    Raises:
        NotDeferredError: it cannot be made any more.
    """
    return tensor if recipe_of(tensor) is None else value_of(view_of(tensor))


def is_deferred(model: nn.Module) -> bool:
    """Whether a weight of a model is."""
    return any(recipe_of(tensor) is not None for tensor in (*model.parameters(), *model.buffers()))


def is_deferring() -> bool:
    """Whether a `Deferral` is active."""
    return _ACTIVE.get()


def deferral_of(model: nn.Module) -> AbstractContextManager[object]:
    """What a model must be called in: `Deferral`, where a weight of it is deferred."""
    return Deferral() if not is_deferring() and is_deferred(model) else nullcontext()


def make_all(model: nn.Module) -> None:
    """Gives a model its weights, in place; those that shared their memory share it again."""
    made_of: dict[int, torch.Tensor] = {}
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            recipe = recipe_of(tensor)
            if recipe is not None:
                whole = made_of.setdefault(id(recipe), value_of(recipe.whole))
                tensor.data = whole.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())


class Deferral(TorchDispatchMode):
    """While it is active, nothing is computed from deferred tensors that need not be.

    Attributes:
        has_failed: whether something could not be deferred; whoever called it may have said so in other words.
    """

    def __init__(self) -> None:
        super().__init__()
        self.has_failed = False

    def __enter__(self) -> Deferral:
        """Begins to defer."""
        with ExitStack() as begun:
            token = _ACTIVE.set(True)
            begun.callback(_ACTIVE.reset, token)
            for name in _ASKED:
                begun.enter_context(_made_before(name))
            super().__enter__()
            begun.callback(super().__exit__, None, None, None)
            self._begun = begun.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        """Computes again."""
        self._begun.close()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Runs one operator, or notes it."""
        given = kwargs or {}
        tensors = [each for each in tree_iter((args, given)) if isinstance(each, torch.Tensor)]
        if func is torch.ops.aten.convolution.default and is_traced():
            # The TorchScript exporter looks into this operator, and traces the one that it calls.
            with tracer_allowed(), _resumed(self):
                return func._op_dk(torch._C.DispatchKey.CompositeExplicitAutograd, *args, **given)
        if not any(recipe_of(each) is not None for each in tensors) or _is_view(func):
            return func(*args, **given)
        try:
            with not_traced():
                return _changed(func, args, given) if func._schema.is_mutable else _deferred(func, args, given)
        except NotDeferredError:
            self.has_failed = True
            raise


@contextmanager
def _resumed(mode: TorchDispatchMode) -> Iterator[None]:
    """Has a mode, which sees nothing while it looks at an operator, see what that operator calls."""
    TorchDispatchMode.__enter__(mode)
    try:
        yield
    finally:
        TorchDispatchMode.__exit__(mode, None, None, None)


def _is_view(func: Any) -> bool:
    return bool(getattr(func, "is_view", False)) or torch.Tag.inplace_view in func.tags


def _deferred(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What stands for an operator's results, or the results, where their shapes follow from values."""
    _refuse_random(func)
    noted_args, noted_kwargs = tree_map_only(torch.Tensor, view_of, (args, kwargs))
    try:
        outlines = _outlines(func, args, kwargs)
    except (NotImplementedError, RuntimeError):
        real_args, real_kwargs = tree_map_only(View, value_of, (noted_args, noted_kwargs))
        return func(*real_args, **real_kwargs)
    several = isinstance(outlines, list | tuple)

    def standing(outline: Any, index: int | None) -> Any:
        if not isinstance(outline, torch.Tensor):
            return outline
        size, stride = tuple(outline.shape), outline.stride()
        return stands_for(Computed(size, stride, outline.dtype, func, noted_args, noted_kwargs, index))

    if several:
        return type(outlines)(standing(outline, index) for index, outline in enumerate(outlines))
    return standing(outlines, None)


def _outlines(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The results of an operator, without memory."""

    def outline(tensor: torch.Tensor) -> torch.Tensor:
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")

    args, kwargs = tree_map_only(torch.Tensor, outline, (args, kwargs))
    return func(*args, **kwargs | ({"device": "meta"} if kwargs.get("device") is not None else {}))


def _changed(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Notes that an operator changes a tensor; what its storage holds from now on has another recipe."""
    _refuse_random(func)
    names = [argument.name for argument in func._schema.arguments]
    by_name = dict(zip(names, args, strict=False)) | kwargs
    written = [argument.name for argument in func._schema.arguments if argument.alias_info is not None]
    if len(written) != 1 or not isinstance(by_name[written[0]], torch.Tensor):
        raise NotDeferredError(f"{func} changes several tensors")
    target = by_name[written[0]]
    before = view_of(target)
    if recipe_of(target) is None:
        # Its memory may change later.
        storage = target.untyped_storage()
        elements = storage.nbytes() // target.dtype.itemsize
        whole = target.as_strided((elements,), (1,), 0).clone()
        source = View(whole, (elements,), (1,), 0, whole._version)
    else:
        assert isinstance(before.source, Recipe)
        source = before.source.whole
    noted = tree_map_only(torch.Tensor, view_of, by_name)
    changed = Changed(source.size, source.stride, target.dtype, func, noted, written[0], source)
    setattr(target.untyped_storage(), _RECIPE, changed)
    return target


def _refuse_random(func: Any) -> None:
    if torch.Tag.nondeterministic_seeded in func.tags:
        raise NotDeferredError(f"{func} draws random numbers")


@contextmanager
def _made_before(name: str) -> Iterator[None]:
    """Has a method of tensors see the numbers of deferred ones."""
    tensor: Any = torch.Tensor
    is_own = name in vars(tensor)
    original: Callable[..., Any] = getattr(tensor, name)

    def asked(self: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        return original(made(self), *args, **kwargs)

    setattr(tensor, name, asked)
    try:
        yield
    finally:
        if is_own:
            setattr(tensor, name, original)
        else:
            delattr(tensor, name)
