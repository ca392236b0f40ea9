"""Arguments of calls: passed further, or no longer."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence

from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits


def add_keywords(edits: Edits, call: ast.Call, added: Mapping[str, str]) -> None:
    """Pass further keyword arguments, before `**kwargs` if the call has it, laid out like those already there."""
    items = [f"{name}={value}" for name, value in added.items()]
    add_items(edits, call, arguments_of(call), items, before=_spread(call))


def drop_keywords(edits: Edits, call: ast.Call, names: Collection[str]) -> bool:
    """Pass some keyword arguments no longer; whether there were any."""
    gone = [item for item in call.keywords if item.arg in names]
    drop_items(edits, arguments_of(call), gone)
    return bool(gone)


def drop_arguments(edits: Edits, call: ast.Call, gone: Collection[ast.expr | ast.keyword]) -> None:
    """Pass some arguments no longer."""
    drop_items(edits, arguments_of(call), gone)


def arguments_of(call: ast.Call) -> list[ast.expr | ast.keyword]:
    """Positional and keyword arguments as they stand in the text."""
    return sorted((*call.args, *call.keywords), key=lambda item: (item.lineno, item.col_offset))


def add_items(
    edits: Edits,
    holder: ast.expr,
    items: list[ast.expr | ast.keyword],
    added: list[str],
    before: ast.expr | ast.keyword | None = None,
) -> None:
    """Put items into the brackets that `holder` ends with, last or before one of those that are there."""
    if not added:
        return
    code = edits.code
    separator = separator_of(code, items)
    if before is not None:
        edits.insert(code.span(before)[0], "".join(item + separator for item in added))
    elif items:
        start, end = _own_span(code, items[-1])
        if end < code.span(items[-1])[1]:
            edits.insert(start, "(")
            edits.insert(end, ")")
        edits.insert(end, "".join(separator + item for item in added))
    else:
        edits.insert(code.places.span(holder)[1] - 1, ", ".join(added))


def drop_items(edits: Edits, items: list[ast.expr | ast.keyword], gone: Collection[ast.expr | ast.keyword]) -> None:
    """Take items out of a list, each with the comma after it; what stays last keeps the comma that was last."""
    code = edits.code
    spans = [_own_span(code, item) for item in items]
    index = 0
    while index < len(items):
        last = index
        while last < len(items) and any(items[last] is item for item in gone):
            last += 1
        if last == index:
            index += 1
        elif last < len(items):
            edits.put(spans[index][0], spans[last][0], "")
        elif index:
            edits.put(spans[index - 1][1], spans[-1][1], "")
        else:
            edits.put(spans[0][0], spans[-1][1] + _comma_after(code, spans[-1][1]), "")
        index = max(last, index)


def separator_of(code: Code, items: list[ast.expr | ast.keyword]) -> str:
    """What stands between two items, so that new ones are laid out like those already there; comments aside."""
    spans = [code.span(item) for item in items]
    if len(spans) > 1:
        between = code.text[spans[0][1] : spans[1][0]]
    elif spans and (comma := _comma_after(code, spans[0][1])) and "\n" in code.text[: spans[0][0]][-80:]:
        line = code.text[: spans[0][0]].rsplit("\n", 1)[1]
        between = ",\n" + line if comma and not line.strip() else ", "
    else:
        return ", "
    return ",\n" + between.rsplit("\n", 1)[1] if "\n" in between else ", "


def _own_span(code: Code, item: ast.expr | ast.keyword) -> tuple[int, int]:
    """Where an argument stands; `x for x in y` alone shares its parentheses with the call, which keeps them."""
    start, end = code.span(item)
    call = code.parent(item)
    shares = isinstance(item, ast.GeneratorExp) and isinstance(call, ast.Call) and code.places.span(call)[1] == end
    return (start + 1, end - 1) if shares else (start, end)


def _comma_after(code: Code, end: int) -> int:
    """How many characters from `end` on lead up to and include a comma; none if no comma follows."""
    rest = code.text[end:]
    stripped = rest.lstrip()
    return len(rest) - len(stripped) + 1 if stripped.startswith(",") else 0


def _spread(call: ast.Call) -> ast.keyword | None:
    return next((item for item in call.keywords if item.arg is None), None)


def bound_arguments(call: ast.Call, parameters: Sequence[str]) -> dict[str, ast.expr] | None:
    """What a call gives to each parameter; None where it spreads arguments, or gives more than there are."""
    spreads = any(isinstance(item, ast.Starred) for item in call.args) or _spread(call) is not None
    if spreads or len(call.args) > len(parameters):
        return None
    named = {item.arg: item.value for item in call.keywords if item.arg is not None}
    return dict(zip(parameters, call.args, strict=False)) | named


def rename_keywords(edits: Edits, call: ast.Call, old: str, new: str) -> None:
    """Pass what a keyword passes by another one."""
    for item in call.keywords:
        if item.arg == old:
            start = edits.code.places.span(item)[0]
            edits.put(start, start + len(old), new)


def drop_entry(edits: Edits, mapping: ast.Dict, index: int) -> None:
    """Take one entry out of a dictionary that is written down."""
    spans = [
        (_spread_before(edits.code, value) if key is None else edits.code.span(key)[0], edits.code.span(value)[1])
        for key, value in zip(mapping.keys, mapping.values, strict=True)
    ]
    if index + 1 < len(spans):
        edits.put(spans[index][0], spans[index + 1][0], "")
    elif index:
        edits.put(spans[index - 1][1], spans[index][1], "")
    else:
        edits.put(spans[0][0], spans[0][1] + _comma_after(edits.code, spans[0][1]), "")


def _spread_before(code: Code, value: ast.expr) -> int:
    """The offset of the `**` that spreads a dictionary."""
    return code.text.rindex("**", 0, code.span(value)[0])


def exchange_keywords(edits: Edits, call: ast.Call, gone: Sequence[ast.keyword], added: Mapping[str, str]) -> None:
    """Pass some keyword arguments no longer and others in their place: in that of the last of them."""
    if not gone or not added:
        drop_items(edits, arguments_of(call), gone)
        add_keywords(edits, call, added)
        return
    items = arguments_of(call)
    drop_items(edits, items, gone[:-1])
    text = separator_of(edits.code, items).join(f"{name}={value}" for name, value in added.items())
    edits.put(*edits.code.span(gone[-1]), text)
