"""A method's text in the place of its call, with the lines that it comes from."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace

from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.layout import INDENT
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.provenance import Line, stands_for


def take_in(function: Function, returned: ast.stmt, method: Function, given: Mapping[str, str], rule: str) -> None:
    """Let a function end with another one's text, where its last statement returned what the other one returns.

    Args:
        returned: the last statement of `function`, `return self.<method>(...)`.
        method: a method of the same class.
        given: for each parameter of `method` that is not named like what it is given, what it is given.
        rule: the rule that asks for it.
    """
    first, last = returned.lineno - 1, returned.end_lineno or returned.lineno
    gone = tuple(number for line in function.lines[first:last] for number in stands_for(line))
    start = _first_line(method.code)
    own = [Line(f"{INDENT}{name} = {value}") for name, value in given.items()]
    taken = [
        replace(
            line,
            upstream=None,
            rules=tuple(dict.fromkeys((*line.rules, rule))),
            replaces=stands_for(line),
            function=function.qualified_name,
        )
        for line in (*own, *method.lines[start:])
    ]
    taken[0] = replace(taken[0], replaces=tuple(sorted({*gone, *taken[0].replaces})))
    function.removals = [
        replace(item, before=item.before + len(taken) - (last - first) if item.before > first else item.before)
        for item in function.removals
    ] + [replace(item, before=item.before - start + first + len(own)) for item in method.removals]
    function.lines = [*function.lines[:first], *taken, *function.lines[last:]]
    function.code = Code("".join(f"{line.text}\n" for line in function.lines), function.code.aliases)


def _first_line(code: Code) -> int:
    """The index of the first line of what a function computes: below its header and what it says of itself."""
    body = code.body
    first = body[1] if ast.get_docstring(code.tree) is not None and len(body) > 1 else body[0]
    lines = code.text.split("\n")
    index = first.lineno - 1
    while lines[index - 1].startswith(f"{INDENT}#"):
        index -= 1
    return index
