"""`pytorch_transforms.py` when generated classes take over from hand-written ones: entries point to them, or go."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from qeff_codegen.checkout.edit_checks import check_nothing_lost, check_rewritable
from qeff_codegen.checkout.import_order import import_lines
from qeff_codegen.checkout.module_mapping import Entry
from qeff_codegen.checkout.transforms_file import ImportStatement, TransformsFile


@dataclass(frozen=True)
class EntryChange:
    """What becomes of one entry.

    Attributes:
        entry: as it is.
        replacement: what its key gets instead, by the name used in the file; None when the entry goes.
    """

    entry: Entry
    replacement: str | None


def with_replaced_entries(
    file: TransformsFile, changes: Collection[EntryChange], renamed: Mapping[str, str], line_length: int
) -> str:
    """The file with these changes; imports that only removed entries used go too.

    Args:
        changes: to entries of mappings that can be edited by whole lines.
        renamed: names used in the file whose spelling changes everywhere, letters' case apart: imports stay sorted.

    Raises:
        Refusal: something else would be lost, or the file would be no Python.
    """
    lines: list[str | None] = list(file.lines)
    gone: set[str] = set()
    for change in changes:
        at = change.entry.line - 1
        old = change.entry.replacement
        if change.replacement is None:
            lines[at] = None
            gone.update(name for name in (change.entry.key, old) if name)
        elif old is not None and old not in renamed:
            lines[at] = _with_word(lines[at] or "", old, change.replacement)
            gone.add(old)
    for at, line in enumerate(lines):
        for old, new in renamed.items() if line is not None else ():
            line = _with_word(line or "", old, new)
            lines[at] = line
    for statement in file.imports:
        _drop_unused(file, statement, gone, lines, line_length)
    text = "".join(line for line in lines if line is not None)
    before = file.text
    for old, new in renamed.items():
        before = _with_word(before, old, new)
    check_nothing_lost(before, text, file.path, {change.entry.line for change in changes}, gone)
    return text


def _with_word(line: str, old: str, new: str) -> str:
    return re.sub(rf"\b{re.escape(old)}\b", new, line)


def _drop_unused(
    file: TransformsFile, statement: ImportStatement, gone: set[str], lines: list[str | None], line_length: int
) -> None:
    """Take names of `gone` out of a statement that nothing else in the file uses."""
    own = range(statement.first - 1, statement.last)
    rest = "".join(line for at, line in enumerate(lines) if line is not None and at not in own)
    unused = {
        member.local
        for member in statement.members
        if member.local in gone and not re.search(rf"\b{re.escape(member.local)}\b", rest)
    }
    if not unused:
        return
    left = [member for member in statement.members if member.local not in unused]
    if statement.one_a_line and left:
        for member in statement.members:
            if member.local in unused:
                lines[member.line - 1] = None
        return
    check_rewritable(file, statement)
    new = import_lines(statement.module, [member.spelling for member in left], line_length) if left else []
    for at in own:
        lines[at] = None
    if new:
        lines[own[0]] = "".join(f"{line}{file.newline}" for line in new)
