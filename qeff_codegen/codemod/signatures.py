"""Parameters of a function: taken further, or no longer; and what it says it returns."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping

from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits

_STARS = re.compile(r"\*+(?:[ \n,]|#[^\n]*\n)*\Z")
_COMMA_ENDS_LINE = re.compile(r",[ \t]*(?:#[^\n]*)?(?=\n)")


def add_parameters(edits: Edits, added: Mapping[str, str]) -> None:
    """Append `name: annotation = None` for every name that the function does not take yet.

    They follow the last parameter that may be given by position, so stand before `*args`, `*` and `**kwargs`.
    """
    code = edits.code
    new = [f"{name}: {annotation} = None" for name, annotation in added.items() if name not in code.parameters]
    if not new:
        return
    arguments = code.tree.args
    spans = _spans(code)
    positional = len(arguments.posonlyargs) + len(arguments.args)
    separator = _separator(code, spans)
    if positional < len(spans):
        has_bare_star = arguments.vararg is None and bool(arguments.kwonlyargs)
        following = spans[positional][0]
        following = _star_before(code, following) if has_bare_star else following
        edits.insert(following, "".join(item + separator for item in new))
    elif spans and (comma := _COMMA_ENDS_LINE.match(code.text, spans[-1][1])) is not None:
        # The comment behind the comma stays with the parameter that it is about.
        edits.insert(comma.end(), "".join(f"{separator[1:]}{item}," for item in new))
    elif spans:
        edits.insert(spans[-1][1], "".join(separator + item for item in new))
    else:
        opened = code.text.index("(", code.places.span(code.tree)[0]) + 1
        edits.insert(opened, ", ".join(new))


def drop_parameters(edits: Edits, names: Collection[str]) -> bool:
    """Take some parameters no longer; whether there were any. A bare `*` goes with the last one behind it."""
    code = edits.code
    arguments = code.tree.args
    listed = _listed(arguments)
    gone = [item.arg in names for item, _ in listed]
    if not any(gone):
        return False
    spans = _spans(code)
    positional = len(arguments.posonlyargs) + len(arguments.args)
    if arguments.vararg is None and arguments.kwonlyargs:
        star = _star_before(code, spans[positional][0])
        spans.insert(positional, (star, star + 1))
        gone.insert(positional, all(gone[positional : positional + len(arguments.kwonlyargs)]))
    index = 0
    while index < len(gone):
        last = index
        while last < len(gone) and gone[last]:
            last += 1
        if last == index:
            index += 1
            continue
        if last < len(gone):
            edits.put(spans[index][0], spans[last][0], _comments(code.text[spans[last - 1][1] : spans[last][0]]))
        elif index:
            edits.put(spans[index - 1][1], spans[-1][1], "")
        else:
            rest = code.text[spans[-1][1] :]
            comma = len(rest) - len(rest.lstrip().removeprefix(",")) if rest.lstrip().startswith(",") else 0
            edits.put(spans[0][0], spans[-1][1] + comma, "")
        index = last
    return True


def replace_parameter(edits: Edits, name: str, text: str) -> None:
    """Take another parameter in the place of one, whose annotation and default go with it."""
    spans = zip(_listed(edits.code.tree.args), _spans(edits.code), strict=True)
    for start, end in [span for (item, _), span in spans if item.arg == name]:
        edits.put(start, end, text)


def drop_decorators(edits: Edits, gone: Collection[ast.expr]) -> None:
    """Take some decorators off, each with the comments between it and the one above it."""
    places = edits.code.places
    above: int | None = None
    for item in edits.code.tree.decorator_list:
        start = places.line_start(above or item.lineno)
        above = (item.end_lineno or item.lineno) + 1
        if item in gone:
            edits.put(start, places.line_start(above), "")


def describe(edits: Edits, text: str) -> None:
    """Put a docstring in the place of the one that is there, or above the first statement."""
    first, has_one = edits.code.body[0], ast.get_docstring(edits.code.tree) is not None
    (edits.replace_statement if has_one else edits.insert_above)(first, f'"""{text}"""')


def _listed(arguments: ast.arguments) -> list[tuple[ast.arg, ast.expr | None]]:
    """Every parameter with its default, as they stand in the text."""
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults))
    listed = list(zip(plain, [*defaults, *arguments.defaults], strict=True))
    if arguments.vararg is not None:
        listed.append((arguments.vararg, None))
    listed += list(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))
    if arguments.kwarg is not None:
        listed.append((arguments.kwarg, None))
    return listed


def _spans(code: Code) -> list[tuple[int, int]]:
    """Where each parameter stands, with its stars, annotation and default."""
    arguments = code.tree.args
    spans = []
    for item, default in _listed(arguments):
        start, end = code.places.span(item)
        if item in (arguments.vararg, arguments.kwarg):
            start = _star_before(code, start)
        spans.append((start, end if default is None else code.span(default)[1]))
    return spans


def _comments(between: str) -> str:
    """Of what stands between two parameters: the comments on lines of their own, which are the second one's."""
    own = between.split("\n")[1:]
    return "\n".join(own).lstrip() if any(line.strip() for line in own) else ""


def _star_before(code: Code, start: int) -> int:
    """The offset of the stars that stand before a place, blanks, commas and comments between them aside."""
    found = _STARS.search(code.text, 0, start)
    return start if found is None else found.start()


def _separator(code: Code, spans: list[tuple[int, int]]) -> str:
    if len(spans) > 1:
        between = code.text[spans[0][1] : spans[1][0]]
        return ",\n" + between.rsplit("\n", 1)[1].rstrip("*") if "\n" in between else ", "
    return ", "
