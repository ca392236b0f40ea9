"""Recognise adapters: modules that lead each row of a batch through the one of several that its number names."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.tree import find
from qeff_codegen.patterns.match import match
from qeff_codegen.patterns.pattern import Pattern

CHOSEN = Pattern("$chosen = $numbers == $number")
TAKEN = Pattern("$taken = $states[$chosen]")
PUT_BACK = Pattern("$all[$chosen] = $made")


def find_adapters(file: ModelingFile, reachable: tuple[str, ...]) -> tuple[Part, ...]:
    """The reachable classes that take rows by a comparison, in a loop, and put what became of them back."""
    return tuple(
        Part(Role.ADAPTERS, cls, (f"it takes rows of the batch where `{rows}`, and puts them back",))
        for name in reachable
        if (rows := next(_compared(cls := file.classes[name]), "")) and cls.forward is not None
    )


def _compared(cls: ModelingClass) -> Iterator[str]:
    for method in cls.methods.values():
        for loop in find(ast.For, method):
            chosen = {
                found.name("chosen"): found.spelled("numbers") + " == " + found.spelled("number")
                for item in loop.body
                if (found := match(CHOSEN, item)) is not None
            }
            taken = {found.name("chosen") for item in loop.body if (found := match(TAKEN, item)) is not None}
            back = {found.name("chosen") for item in loop.body if (found := match(PUT_BACK, item)) is not None}
            yield from (chosen[name] for name in chosen if name in taken & back)
