"""What a module is told when it is made: modules, switches, and what is left to its default."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from qeff_codegen.axes.frame import Names
from qeff_codegen.axes.given import Given
from qeff_codegen.axes.values import NONE, Instance, Layer, Plain, Value, options
from qeff_codegen.codemod.tree import spelled


def told_when_made(initializer: ast.FunctionDef, listed: Sequence[str], given: Given) -> Names:
    """What of the arguments that make a module is known, by the names of its parameters, `listed`."""
    handed = dict(zip(listed, given.positional, strict=False))
    told = _left_out(initializer, {*handed, *given.keywords})
    every = handed | given.keywords
    return told | {name: value for name, value in every.items() if _is_switch(value) or _is_module(value)}


def _left_out(function: ast.FunctionDef, given: set[str]) -> Names:
    """The parameters that a call leaves to their default, where that is None."""
    arguments = function.args
    listed = [item.arg for item in (*arguments.posonlyargs, *arguments.args)]
    defaults = dict(zip(listed[len(listed) - len(arguments.defaults) :], arguments.defaults, strict=True))
    return {name: NONE for name, value in defaults.items() if name not in given and spelled(value) == "None"}


def _is_module(value: Value) -> bool:
    found = options(value)
    return bool(found) and all(isinstance(item, (Instance, Layer)) for item in found)


def _is_switch(value: Value) -> bool:
    return isinstance(value, Plain) and isinstance(value.constant, bool)
