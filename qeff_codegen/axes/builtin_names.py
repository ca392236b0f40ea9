"""Calls of names that are Python's own."""

from __future__ import annotations

from collections.abc import Callable as Function
from dataclasses import replace
from typing import TYPE_CHECKING

from qeff_codegen.anatomy.implementation_tables import FLASH_ATTRIBUTE
from qeff_codegen.axes import builtin_numbers
from qeff_codegen.axes.given import Given
from qeff_codegen.axes.operations import number_of
from qeff_codegen.axes.values import (
    NONE,
    Count,
    Decision,
    External,
    Instance,
    NotFollowed,
    NotKnown,
    Plain,
    Several,
    Shared,
    Start,
    Table,
    Tensor,
    Value,
    carries,
    options,
)
from qeff_codegen.axes.ways import each_of, joined

if TYPE_CHECKING:
    from qeff_codegen.axes.interpreter import Interpreter

# What runs a text or changes names.
_HIDING = frozenset({"exec", "eval", "compile", "globals", "locals", "vars", "delattr", "__import__"})


def call(interpreter: Interpreter, name: str, given: Given) -> Value | None:
    """What a call of one of Python's own gives; None for one of which nothing special is known.

    Raises:
        NotFollowed: it runs or reads what is not written in the file.
    """
    if name in _HIDING:
        raise NotFollowed(f"`{name}` runs or reads what is not written here")
    return _BUILTINS[name](interpreter, given) if name in _BUILTINS else None


def _length(interpreter: Interpreter, given: Given) -> Value:
    value = given.take(0)
    if isinstance(value, Tensor):
        return number_of(value.known[0]) if value.known else Plain()
    if isinstance(value, Several) and value.items is not None:
        return Plain(str(len(value.items)), len(value.items))
    if isinstance(value, (NotKnown, Count, Start, Decision)):
        raise NotFollowed("the length of what follows the axes of a call")
    return Plain()


def _instance_of(interpreter: Interpreter, given: Given) -> Value:
    """Types say nothing of axes; whether a mask is a dictionary is known."""
    value, kinds = given.take(0), given.take(1)
    if isinstance(value, (Count, Start, Decision)):
        return Decision(given.name, "whether it is traced")
    if value == NONE and isinstance(kinds, External):
        return Plain("False", False)
    if kinds in (External("builtins.tuple"), External("builtins.list")) and isinstance(value, (Tensor, Several)):
        return Plain("False", False) if isinstance(value, Tensor) else Plain()
    if kinds == External("builtins.dict") and isinstance(value, Shared):
        return Plain("True", True)
    if kinds == External("builtins.dict") and isinstance(value, (Plain, Tensor, Table)):
        known = not isinstance(value, Plain) or value.constant is not ...
        return Plain(str(isinstance(value, Table)), isinstance(value, Table)) if known else Plain()
    return Plain()


def _get_attribute(interpreter: Interpreter, given: Given) -> Value:
    holder, name, default = given.take(0), given.take(1), given.take(2)
    if not isinstance(name, Plain) or holder is None:
        return Plain()
    text = name.constant if isinstance(name.constant, str) else name.text
    if text == FLASH_ATTRIBUTE:
        # The export is eager, and so is the class that attends.
        return Plain("False", False)
    if isinstance(holder, Plain):
        return Plain(f"{holder.text}.{text}")
    if not options(holder):
        if carries(holder) or carries(default):
            raise NotFollowed("an attribute that is not written out")
        return Plain()
    found = [interpreter.attribute(option, text) for option in options(holder)]
    value = found[0]
    for other in found[1:]:
        value = joined(value, other)
    return value


def _set_attribute(interpreter: Interpreter, given: Given) -> Value:
    holder, name, value = given.take(0), given.take(1), given.take(2)
    if isinstance(holder, Instance) and not interpreter.makes:
        raise NotFollowed("something is kept between calls")
    if isinstance(holder, Instance) and isinstance(name, Plain) and value is not None:
        interpreter.keep(holder, name.constant if isinstance(name.constant, str) else name.text, value)
    elif carries(value):
        raise NotFollowed("something is kept where it is not followed")
    return NONE


def _range(interpreter: Interpreter, given: Given) -> Value:
    if any(map(carries, given.everything)):
        raise NotFollowed("a loop as often as a followed axis is long")
    return Several(None, Plain())


def _enumerate(interpreter: Interpreter, given: Given) -> Value:
    value = given.take(0, "iterable")
    each = _each(value)
    return Several(None, Several((Plain(), each)))


def _each(value: Value | None) -> Value:
    if isinstance(value, Several):
        found = each_of(value)
        return Plain() if found is None else found
    if value is not None and options(value):
        return value
    if carries(value):
        raise NotFollowed("a loop over what is not understood")
    return Plain()


def _zip(interpreter: Interpreter, given: Given) -> Value:
    lists = [value.items if isinstance(value, Several) else None for value in given.positional]
    if all(items is not None for items in lists):
        return Several(tuple(Several(tuple(row)) for row in zip(*(items or () for items in lists), strict=False)))
    return Several(None, Several(tuple(map(_each, given.positional))))


def _several(interpreter: Interpreter, given: Given) -> Value:
    value = given.take(0)
    if value is None:
        return Several(())
    return replace(value, kept=False) if isinstance(value, Several) else Several(None, _each(value))


def _reversed(interpreter: Interpreter, given: Given) -> Value:
    value = _several(interpreter, given)
    return Several(value.items[::-1], value.each) if isinstance(value, Several) and value.items else value


def iterated(interpreter: Interpreter, given: Given) -> Value:
    """An iterator over what is given: any item may be the next, and none has a place."""
    return Several(None, _each(given.take(0)))


def _next(interpreter: Interpreter, given: Given) -> Value:
    """`next(iterator)` where modules are made: any of its items, or the default."""
    iterator, default = given.take(0), given.take(1)
    if not interpreter.makes:
        raise NotFollowed("an iterator goes on from where it was left")
    if isinstance(iterator, Several) and iterator.items is not None and carries(iterator):
        raise NotFollowed("an item is taken away, and the others would change their places")
    found = _each(iterator)
    return found if default is None else joined(found, default)


def _set_of(interpreter: Interpreter, given: Given) -> Value:
    value = given.take(0)
    return Several(None, Plain()) if value is None else Several(None, _each(value))


def _dictionary(interpreter: Interpreter, given: Given) -> Value:
    value = given.take(0)
    if value is None and not given.keywords:
        return interpreter.store.container("dict")
    value = interpreter.store.shared(value) if isinstance(value, Shared) else value
    if value is not None and not isinstance(value, Table) and carries(value):
        raise NotFollowed("a dictionary of what is not understood")
    items = value.items if isinstance(value, Table) else ()
    return Table((*items, *given.keywords.items()), value.each if isinstance(value, Table) else None)


def _same(interpreter: Interpreter, given: Given) -> Value:
    """`int` of a size is the size."""
    value = given.take(0)
    if isinstance(value, (Count, Plain)):
        return value
    return builtin_numbers.number(interpreter, given)


def _said(interpreter: Interpreter, given: Given) -> Value:
    if given.name == "type" and isinstance(given.take(0), (Count, Start, Decision)):
        return Decision(given.name, "whether it is traced")
    return Plain()


def _known(interpreter: Interpreter, given: Given) -> Value:
    """Whether a module has an attribute is decided when it is made."""
    return Plain()


_BUILTINS: dict[str, Function[[Interpreter, Given], Value]] = {
    "len": _length,
    "isinstance": _instance_of,
    "getattr": _get_attribute,
    "setattr": _set_attribute,
    "hasattr": _known,
    "callable": _known,
    "range": _range,
    "enumerate": _enumerate,
    "zip": _zip,
    **dict.fromkeys(("tuple", "list"), _several),
    "iter": iterated,
    "next": _next,
    "reversed": _reversed,
    **dict.fromkeys(("set", "sorted", "frozenset"), _set_of),
    "dict": _dictionary,
    **dict.fromkeys(("max", "min"), builtin_numbers.least),
    **dict.fromkeys(("float", "round", "pow", "bool", "any", "all", "divmod"), builtin_numbers.number),
    "sum": builtin_numbers.summed,
    "abs": builtin_numbers.magnitude,
    "int": _same,
    **dict.fromkeys(("str", "repr", "hash", "id"), builtin_numbers.number),
    **dict.fromkeys(("print", "type"), _said),
    "super": _said,
}
