"""Calls of what is no function of the module: methods of tensors, of containers, of the cache, and modules."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from qeff_codegen.axes import layers, states
from qeff_codegen.axes.given import Given
from qeff_codegen.axes.key_places import check_key_places
from qeff_codegen.axes.operations import TAKING_SIZES, operation
from qeff_codegen.axes.values import (
    CACHE,
    KEYS,
    LEFT,
    NONE,
    ROWS,
    TOKENS,
    Cache,
    Count,
    Decision,
    Instance,
    Layer,
    Method,
    NotFollowed,
    NotKnown,
    Option,
    Plain,
    Record,
    Several,
    Shared,
    Start,
    Table,
    Tensor,
    Value,
    carries,
    named,
    options,
    tensor,
)
from qeff_codegen.axes.ways import each_of, joined

if TYPE_CHECKING:
    from qeff_codegen.axes.interpreter import Interpreter

# What changes a list or a dictionary.
CHANGING = frozenset(
    {"append", "extend", "insert", "add", "update", "setdefault", "pop", "clear", "remove", "popitem"}
)
# Tables of activations, which are called although their names are those of constants.
CALLABLE_CONSTANTS = frozenset({"transformers.activations.ACT2FN", "transformers.activations.ACT2CLS"})


def call(interpreter: Interpreter, function: Value, given: Given, node: ast.AST) -> Value:
    """What a call of a module, or of a method of a value, gives."""
    if options(function):
        return _joined(_unpacked([_run(interpreter, option, given, node) for option in options(function)], given))
    if isinstance(function, Method):
        return _of_method(interpreter, function, given, node)
    if isinstance(function, NotKnown):
        raise NotFollowed(function.why)
    if isinstance(function, Plain) and function.text == "ctx.save_for_backward":
        return NONE
    if isinstance(function, Plain) and not any(map(carries, given.everything)):
        return Plain()
    raise NotFollowed(f"it is not known what `{given.name}` computes")


def _unpacked(results: list[Value], given: Given) -> list[Value]:
    """Results that can be unpacked into as many names as there are; what gives others is not what is called."""
    if given.wanted is None or len(results) == 1:
        return results
    fitting = [
        item
        for item in results
        if not isinstance(item, Several) or item.items is None or len(item.items) == given.wanted
    ]
    return fitting or results


def _run(interpreter: Interpreter, option: Option, given: Given, node: ast.AST) -> Value:
    if isinstance(option, Layer):
        return layers.run(option, given)
    if isinstance(option, Instance):
        return interpreter.call_method(option, "forward", given)
    return interpreter.call(option, given, node)


def attribute_of_layer(layer: Layer, name: str) -> Value:
    """What an attribute of a module of another package is."""
    return layers.attribute(layer, name)


def _of_method(interpreter: Interpreter, method: Method, given: Given, node: ast.AST) -> Value:
    holder = method.of
    if isinstance(holder, Tensor):
        given = Given(method.name, (holder, *given.positional), given.keywords, given.in_rotation)
        check_key_places(interpreter, method.name, given)
        return of_tensors(method.name, given)
    if isinstance(holder, Instance):
        # A module gives itself when its weights get another type.
        is_own = method.name != "to" or interpreter.classes.method(holder.cls, method.name) is not None
        return interpreter.call_method(holder, method.name, given) if is_own else holder
    if isinstance(holder, Layer) and method.name == "forward":
        return layers.run(holder, given)
    if isinstance(holder, Cache):
        return _of_cache(method.name, given)
    if isinstance(holder, (Table, Several)) and holder.kept and method.name in CHANGING and not interpreter.makes:
        raise NotFollowed(f"`{given.name}` changes what a module keeps between calls")
    if isinstance(holder, Table):
        return _of_table(holder, method.name, given)
    if isinstance(holder, Several):
        return _of_several(holder, method.name, given)
    if isinstance(holder, Record) and method.name == "to_tuple":
        return Several(tuple(item for _, item in holder.items if item != NONE))
    if isinstance(holder, Shared):
        if method.name == "setdefault" and len(given.positional) == 2:
            interpreter.keep_entry(holder, *given.positional)
        return _of_table(interpreter.store.shared(holder), method.name, given)
    if not any(map(carries, (holder, *given.everything))):
        return Plain()
    raise NotFollowed(f"it is not known what `{given.name}` computes")


def of_tensors(name: str, given: Given) -> Value:
    """What an operation makes of tensors; where nothing followed is given, nothing needs to be known of it."""
    carried = any(map(carries, given.everything))
    _must_be_written_here(name, given)
    known = operation(name)
    if known is None:
        if carried:
            raise NotFollowed(f"it is not known what `{name}` does along the axes of a tensor")
        return Tensor(None)
    try:
        return known(given)
    except NotFollowed:
        if carried:
            raise
        return Tensor(None)


def _must_be_written_here(name: str, given: Given) -> None:
    """An operation may write into a tensor of the call, and takes a size of a followed axis only to shape one."""
    if given.keywords.get("out", NONE) != NONE:
        raise NotFollowed(f"`{name}` writes into another tensor")
    written = given.positional[0] if given.positional else None
    in_place = name.endswith("_") and not name.endswith("__") and name != "requires_grad_"
    if in_place and isinstance(written, Tensor) and written.kept:
        raise NotFollowed(f"`{name}` changes what a module keeps between calls")
    if name.rstrip("_") not in TAKING_SIZES:
        for value in given.everything:
            if isinstance(value, (Count, Start)):
                raise NotFollowed(f"the number of {named(value.axis)} enters `{name}`")


def _of_cache(name: str, given: Given) -> Value:
    if name == "get_seq_length":
        return Count((KEYS,))
    if name in {"to_legacy_cache", "from_legacy_cache"}:
        return CACHE
    if name == "update":
        return Several((_cached(given, 0, "key_states"), _cached(given, 1, "value_states")))
    if name == "update_indexer":
        return _indexed(given)
    if name in states.FUNCTIONS:
        return states.FUNCTIONS[name](given)
    raise NotFollowed(f"the cache is asked for `{name}`")


def _cached(given: Given, place: int, name: str) -> Value:
    """Keys or values as the cache has them, one for every key of the context."""
    held = given.tensor(place, name)
    tokens = ((TOKENS,), (TOKENS, LEFT))
    if len(held.known) != 4 or held.known[0] != (ROWS,) or held.known[2] not in tokens:
        raise NotFollowed("keys or values are not [rows, heads, tokens, features] where the cache takes them")
    return replace(tensor((held.known[0], held.known[1], (KEYS,), held.known[3])), kept=True)


def _indexed(given: Given) -> Value:
    """An indexer's keys as the cache has them, one for every key of the context."""
    held = given.tensor(0, "indexer_key_states")
    if len(held.known) != 3 or held.known[:2] not in (((ROWS,), (TOKENS,)), ((ROWS,), (TOKENS, LEFT))):
        raise NotFollowed("an indexer's keys are not [rows, tokens, features] where the cache takes them")
    return replace(tensor(((ROWS,), (KEYS,), held.known[2])), kept=True)


def _of_table(table: Table, name: str, given: Given) -> Value:
    key, default = given.take(0, "key"), given.take(1, "default", default=NONE)
    if isinstance(key, (Count, Start, Decision, NotKnown)):
        raise NotFollowed(f"the size of a followed axis chooses: `{name}`")
    if name in {"get", "pop", "setdefault"}:
        if isinstance(key, Plain) and key.constant is not ...:
            found = table.get(key.constant)
            return default if found is None else found
        values = [item for _, item in table.items] + ([table.each] if table.each is not None else [])
        return _joined([*values, default])
    if name == "items":
        pairs = [Several((Plain(str(key), key), item)) for key, item in table.items]
        if table.each is None:
            return Several(tuple(pairs))
        return Several(None, each_of(Several((*pairs, Several((Plain(), table.each))))))
    if name == "values":
        return Several(tuple(item for _, item in table.items)) if table.each is None else Several(None, table.each)
    if name in {"keys", "copy", "update"}:
        return replace(table, kept=False) if name == "copy" else Plain()
    raise NotFollowed(f"it is not known what `{name}` does to a dictionary")


def _of_several(several: Several, name: str, given: Given) -> Value:
    if name in {"append", "extend", "insert", "add"}:
        return NONE
    if name in {"index", "count"} and not any(map(carries, (several, *given.everything))):
        return Plain()
    if name == "numel" and not carries(several):
        return Plain()
    if name == "pop":
        found = each_of(several)
        return NONE if found is None else found
    raise NotFollowed(f"it is not known what `{name}` does to a list")


def _joined(values: list[Value]) -> Value:
    found = values[0]
    for value in values[1:]:
        found = joined(found, value)
    return found
