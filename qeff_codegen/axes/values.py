"""What is known of a value: which axes a tensor has, what a number counts, what a container or a callable holds.

An axis is a product of factors, since axes are flattened into one and taken apart again. A factor is one of the axes
that are followed (rows, tokens, keys), or the text of a size that is the same in every call, such as a count of heads.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import Any

ROWS, TOKENS, KEYS, KEYS_AND_SINK = "ROWS", "TOKENS", "KEYS", "KEYS AND SINK"
# The tokens whose logits are asked for, of which there may be one or several.
CHOSEN = "CHOSEN TOKENS"
# Columns of a window, those of earlier calls before those of this one; and what a state keeps for a row.
COLUMNS, STATE_ENTRIES = "COLUMNS", "ENTRIES OF A STATE"
NAMES = {
    ROWS: "rows",
    TOKENS: "tokens",
    KEYS: "keys",
    KEYS_AND_SINK: "keys",
    CHOSEN: "the last tokens",
    COLUMNS: "columns of a window",
    STATE_ENTRIES: "entries of a state",
}
FOLLOWED = frozenset(NAMES)
# A size of which nothing is known but that it is the same in every call.
SOME = "?"
# What may be left over of a followed axis in a view; mostly it is one.
LEFT = "?1"

Axis = tuple[str, ...]
# An axis of size one.
ONE: Axis = ()

# What a tensor is beside its axes.
ORDINARY = ""
MASK = "the mask"
# A table that a rule made, by positions, and what counts the slots of the context when it is summed up.
OWN_TABLE, ONES = "a table by positions", "ones"
# Scores whose masked keys hold the smallest value; weights that are zero there; keys and values as the cache has them.
MASKED, WEIGHTS = "masked scores", "weights"
POSITIONS = "positions"
# The window that the cache gives, and what a convolution made of it; a state before a call, and after it.
WINDOW, CONVOLVED, STATE, NEW_STATE = "a window", "a convolved window", "a state", "the next state"
# The smallest number of a type, which no score is less than.
SMALLEST = "the smallest number"
# The place of a row's last token, the largest position of a row, and rows by their places.
LAST, FARTHEST = "the last token's place", "the largest position"
# Rows of what was flattened by their places; and for each of several entries of a row, the row's place.
ROW_PLACES, OWNERS = "places of rows", "places of the rows that entries belong to"


class NotFollowed(Exception):
    """Something that breaks the promise, or that is not understood where a followed axis is at stake."""

    def __init__(self, what: str, node: ast.AST | None = None, *, generated: bool = False) -> None:
        super().__init__(what)
        self.what = what
        # Where it stands, if that is not where it was come to; and which file the line belongs to.
        self.node = node
        self.generated = generated


class Split(Exception):
    """Two ways of a condition lead to what has nothing in common: the function is followed once for each.

    Attributes:
        condition: the condition's text, which holds or does not all through the function.
    """

    def __init__(self, condition: str) -> None:
        super().__init__(condition)
        self.condition = condition


class NothingYet(Exception):
    """Something is read that nothing has written: no call comes this way, as far as is known."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor by its axes; None where not even their number is known, and then none is followed.

    Attributes:
        optional: whether there may be none.
        kept: whether a module holds it, so that what is written into it would be there in the next call.
    """

    axes: tuple[Axis, ...] | None
    kind: str = ORDINARY
    optional: bool = False
    kept: bool = False

    @property
    def known(self) -> tuple[Axis, ...]:
        """The axes, of a tensor whose number of axes must be known."""
        if self.axes is None:
            raise NotFollowed("it is not known how many axes a tensor has")
        return self.axes

    @property
    def followed(self) -> frozenset[str]:
        """The followed factors of all axes."""
        return followed_in(*(self.axes or ()))

    def of_kind(self, kind: str) -> Tensor:
        """The same axes with another meaning."""
        return replace(self, kind=kind, optional=False)


@dataclass(frozen=True, slots=True)
class Plain:
    """Anything that has no followed axis and is no tensor: numbers, texts, configurations, dtypes, None.

    Attributes:
        text: how it is written, as far as that says what it is.
        constant: its value, where that is known; `...` otherwise.
        factors: what it is the product of, if it is one.
    """

    text: str = SOME
    constant: Any = ...
    factors: Axis = ()

    @property
    def axis(self) -> Axis:
        """The axis whose size is this number."""
        if isinstance(self.constant, int):
            return ONE if self.constant == 1 else (str(self.constant),)
        return self.factors or (self.text,)


@dataclass(frozen=True, slots=True)
class Count:
    """A number that is the size of an axis with followed factors."""

    axis: Axis


@dataclass(frozen=True, slots=True)
class Start:
    """Where the last part of a table starts that is as long as a followed axis."""

    axis: Axis


@dataclass(frozen=True, slots=True)
class Decision:
    """What is true or false by the size of a followed axis, or by something else that no call may depend on.

    Attributes:
        text: how it is written.
        by: what decides.
    """

    text: str
    by: str = "the size of a followed axis"


@dataclass(frozen=True, slots=True)
class Several:
    """A tuple or list: its items where their number is known, or what each of them is.

    Attributes:
        kept: whether a module holds it, so that what is put into it would be there in the next call.
    """

    items: tuple[Value, ...] | None
    each: Value | None = None
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A dictionary or a record of outputs.

    Attributes:
        each: what stands under keys that are not known.
        kept: whether a module holds it, so that what is put into it would be there in the next call.
    """

    items: tuple[tuple[Any, Value], ...]
    each: Value | None = None
    kept: bool = False

    def get(self, key: Any) -> Value | None:
        """What stands under a key."""
        return next((value for name, value in self.items if name == key), self.each)

    def with_item(self, key: Any, value: Value) -> Table:
        """The same table with one entry more, or another one."""
        items = {**dict(self.items), key: value}
        return Table(tuple(items.items()), self.each)


@dataclass(frozen=True, slots=True)
class Record:
    """A model's output; what it was not given is None."""

    items: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Cache:
    """The KV cache, or what it is made of."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A dictionary that is made empty: what is written into it, here or in what it is handed to, is read anywhere.

    Attributes:
        place: where it is made.
    """

    place: str


@dataclass(frozen=True, slots=True)
class Layer:
    """A module that is not of this file, by its constructor's full name, and for how many axes it is made."""

    constructor: str
    name: str = ""
    axes: int = 1


@dataclass(frozen=True, slots=True)
class Instance:
    """A module of this file."""

    cls: str


@dataclass(frozen=True, slots=True)
class External:
    """A name that is imported, or what belongs to it, by its full name."""

    name: str


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a value that is no module."""

    of: Value
    name: str


@dataclass(frozen=True, slots=True)
class Callable:
    """A function of the module, and the class whose instance is its `self`.

    Attributes:
        owner: the class that defines it, from where `super()` looks on.
        results: how many of what it returns are kept, where a wrapper drops the rest.
        closure: what a lambda sees of the names around it.
    """

    function: ast.FunctionDef | ast.Lambda
    generated: bool
    instance: Instance | None = None
    owner: str = ""
    results: int | None = None
    closure: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Maybe:
    """A tuple, table or number that may be None instead."""

    value: Value


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of several modules, functions or classes, or none, as configurations decide."""

    options: tuple[Option, ...]


Option = Layer | Instance | Callable | External


@dataclass(frozen=True, slots=True)
class NotKnown:
    """Two things that have nothing in common; whoever computes with it is refused.

    Attributes:
        alternatives: the things, of which one may be meant where the others could not be used at all.
    """

    why: str
    alternatives: tuple[Value, ...] = ()


Value = (
    Tensor
    | Plain
    | Count
    | Start
    | Decision
    | Several
    | Table
    | Record
    | Cache
    | Shared
    | OneOf
    | Layer
    | Instance
    | External
    | Method
    | Callable
    | Maybe
    | NotKnown
)

NONE = Plain("None", None)
CACHE = Cache()


def followed_in(*axes: Axis) -> frozenset[str]:
    """The followed factors of some axes."""
    return frozenset(factor for axis in axes for factor in axis if factor in FOLLOWED)


def named(*axes: Axis) -> str:
    """Followed axes as a message names them."""
    found = [NAMES[factor] for axis in axes for factor in axis if factor in FOLLOWED]
    return " and ".join(dict.fromkeys(found))


def carries(value: Value | None) -> bool:
    """Whether a value has a followed axis, or may have one."""
    if isinstance(value, Tensor):
        return bool(value.followed)
    if isinstance(value, Several):
        return any(map(carries, value.items if value.items is not None else (value.each,)))
    if isinstance(value, Table):
        return carries(value.each) or any(carries(item) for _, item in value.items)
    if isinstance(value, Record):
        return any(carries(item) for _, item in value.items)
    if isinstance(value, Method):
        return carries(value.of)
    if isinstance(value, Maybe):
        return carries(value.value)
    return isinstance(value, (Count, Start, Decision, NotKnown, Shared, Cache))


def tensor(axes: tuple[Axis, ...], kind: str = ORDINARY) -> Tensor:
    """A tensor of some axes.

    Raises:
        NotFollowed: one axis is there twice, as where tokens of a call are compared with each other.
    """
    found = [factor for axis in axes for factor in axis if factor in FOLLOWED]
    if len(set(found)) != len(found):
        twice = next(factor for factor in found if found.count(factor) > 1)
        raise NotFollowed(f"{NAMES[twice]} of a call meet {NAMES[twice]} of the same call")
    return Tensor(axes, kind)


def options(value: Value) -> tuple[Option, ...]:
    """The modules, functions and classes that a value may be."""
    if isinstance(value, OneOf):
        return value.options
    return (value,) if isinstance(value, (Layer, Instance, Callable, External)) else ()


def present(value: Value) -> Value:
    """A value where it is used, which is not None then."""
    if isinstance(value, Maybe):
        return value.value
    return replace(value, optional=False) if isinstance(value, Tensor) and value.optional else value


def meant(value: Value, kind: type[Value]) -> Value:
    """Of several things the only one of a kind, where only that kind can be used."""
    if isinstance(value, NotKnown):
        fitting = [item for item in value.alternatives if isinstance(item, kind)]
        return fitting[0] if len(fitting) == 1 else value
    return present(value)
