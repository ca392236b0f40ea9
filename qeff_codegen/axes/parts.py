"""What is taken from a value: its attributes, its items, a part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qeff_codegen.axes.given import as_tensor
from qeff_codegen.axes.indexing import Index, indexed
from qeff_codegen.axes.operations import shape_of
from qeff_codegen.axes.shaping import broadcast
from qeff_codegen.axes.values import (
    ORDINARY,
    Count,
    Decision,
    External,
    Instance,
    Layer,
    Method,
    NotFollowed,
    NothingYet,
    NotKnown,
    Plain,
    Record,
    Several,
    Shared,
    Start,
    Table,
    Tensor,
    Value,
    carries,
    followed_in,
    meant,
    named,
    options,
    tensor,
)
from qeff_codegen.axes.ways import each_of, joined

if TYPE_CHECKING:
    from qeff_codegen.axes.interpreter import Interpreter

_OF_TENSORS = {"dtype", "device", "is_cuda", "requires_grad", "layout", "itemsize", "grad_fn", "is_nested"}
_TRANSPOSED = {"T", "mT"}


def of_tensor(states: Tensor, name: str) -> Value:
    """What an attribute of a tensor is."""
    if name == "shape":
        return shape_of(states)
    if name in _OF_TENSORS:
        return Plain(name)
    if name == "ndim":
        return Plain(str(len(states.known)), len(states.known))
    if name in _TRANSPOSED and (name == "mT" or len(states.known) == 2):
        return tensor((*states.known[:-2], *states.known[:-3:-1]), states.kind)
    if name in {"data", "real"}:
        return states
    return Method(states, name)


def taken(interpreter: Interpreter, held: Value, key: Value, text: str) -> Value:
    """What a subscript takes from something that is no tensor."""
    if isinstance(key, (Count, Start, Decision, NotKnown)):
        raise NotFollowed(f"the size of a followed axis chooses: `{text}`")
    shared = isinstance(held, Shared)
    held = interpreter.store.shared(held) if isinstance(held, Shared) else held
    known = isinstance(key, Plain) and key.constant is not ...
    if isinstance(held, Several):
        if held.items is not None and isinstance(key, Plain) and isinstance(key.constant, int):
            if -len(held.items) <= key.constant < len(held.items):
                return held.items[key.constant]
            raise NotFollowed("a place that is not there")
        return each(held)
    if isinstance(held, Table):
        found = held.get(key.constant) if known and isinstance(key, Plain) else each_in(held)
        if found is None and shared:
            raise NothingYet
        if known and found is None:
            raise NotFollowed("something is taken that is not there")
        return Plain() if found is None else found
    if isinstance(held, Record) and key == Plain("0", 0):
        # The states or the logits come first in every output.
        first = ("last_hidden_state", "logits")
        return next((item for name, item in held.items if name in first), held.items[0][1])
    if isinstance(held, Record):
        return all_joined([item for _, item in held.items])
    if isinstance(held, External) and held.name == "transformers.activations.ACT2FN":
        return Layer("ACT2FN")
    if isinstance(held, Instance) and (listed := interpreter.listed(held)) is not None:
        return taken(interpreter, listed, key, text)
    if options(held):
        return held
    if carries(held) or isinstance(held, NotKnown):
        raise NotFollowed("something is taken from what is not understood")
    if carries(key) and isinstance(key, Tensor):
        raise NotFollowed("it is not known how many axes a table has")
    return Plain(f"{held.text}[{key.text}]") if isinstance(held, Plain) and isinstance(key, Plain) else Plain()


def sliced(held: Value, bounds: list[Value | None]) -> Value:
    """What a slice takes from something that is no tensor."""
    if any(isinstance(bound, (Count, Start, Tensor)) for bound in bounds):
        raise NotFollowed("a list is cut by the size of a followed axis")
    if isinstance(held, Several):
        if held.items is None:
            return held
        numbers = [bound.constant if isinstance(bound, Plain) else None for bound in bounds]
        if all(number is None or isinstance(number, int) for number in numbers):
            return Several(held.items[slice(*numbers)])
        return Several(None, each(held))
    if carries(held):
        raise NotFollowed("a part of what is not understood")
    return held


def written(held: Tensor, place: list[Index], value: Value) -> Tensor:
    """A tensor after something was written into a part of it."""
    part, given = indexed(held, place), as_tensor(value)
    if len(given.known) > len(part.known) or broadcast(part.known, given.known) != part.known:
        if followed_in(*part.known, *given.known) != followed_in(*part.known):
            raise NotFollowed(f"{named(*given.known)} are written where none are")
    return held.of_kind(ORDINARY)


def items(value: Value) -> list[Value]:
    """What a loop over a value gives, all of it or one that stands for each."""
    value = meant(value, Several)
    if isinstance(value, Several):
        if value.items is not None:
            return list(value.items)
        return [] if value.each is None else [value.each]
    if isinstance(value, Tensor):
        if value.axes is None:
            return [Tensor(None)]
        if not value.axes or followed_in(value.axes[0]):
            raise NotFollowed(f"a loop over {named(*value.axes[:1])}")
        return [tensor(value.axes[1:], value.kind)]
    if isinstance(value, Table):
        return [Plain(str(key), key) for key, _ in value.items] if value.each is None else [Plain()]
    if isinstance(value, NotKnown):
        raise NotFollowed(value.why)
    if isinstance(value, (Count, Start, Decision, Record, Shared)):
        raise NotFollowed("a loop over what is not understood")
    return [value] if options(value) else [Plain()]


def each(several: Several) -> Value:
    """What each item of a tuple or list is."""
    found = each_of(several)
    return Plain() if found is None else found


def each_in(table: Table) -> Value | None:
    """What each entry of a dictionary is."""
    values = [item for _, item in table.items] + ([table.each] if table.each is not None else [])
    return all_joined(values) if values else None


def all_joined(values: list[Value]) -> Value:
    """What is known of a value that is one of some."""
    if not values:
        return Plain()
    found = values[0]
    for value in values[1:]:
        found = joined(found, value)
    return found
