"""Edits of QEfficient's `pytorch_transforms.py`: whole lines come in, or go, and every other byte stays.

Each edit says what it wants (`this class, imported`; `this entry, in that mapping`) and does nothing where that is so
already. `text()` gives the file with all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from qeff_codegen.checkout.edit_checks import check_nothing_lost, check_rewritable
from qeff_codegen.checkout.import_order import import_lines, member_order, module_order
from qeff_codegen.checkout.python_file import RULE
from qeff_codegen.checkout.transforms_file import ImportStatement, TransformsFile
from qeff_codegen.errors import Location, Refusal

INDENT = " " * 8


@dataclass
class TransformsEdits:
    """Edits of one file, collected.

    Attributes:
        file: the file as it is.
        line_length: that import statements are wrapped at.
    """

    file: TransformsFile
    line_length: int
    _before: dict[int, list[str]] = field(default_factory=dict)
    _removed: set[int] = field(default_factory=set)

    def import_names(self, module: str, names: Sequence[str], family: str) -> dict[str, str]:
        """Have `names` of `module` imported, in the sorted place.

        A name that something else is called already comes in as `NAME_of_FAMILY`.

        Returns:
            What each name is called in this file.

        Raises:
            Refusal: the file has no imports from the module's package, which new ones would stand beside.
        """
        local: dict[str, str] = {}
        new: list[str] = []
        for name in names:
            known = self.file.local_name(module, name)
            if known is None:
                known = f"{name}_of_{family}" if self.file.is_taken(name) else name
                new.append(name if known == name else f"{name} as {known}")
            local[name] = known
        plain = [name for name in new if " as " not in name]
        beside = next((item for item in self.file.imports if _takes_names(item, module)), None)
        if plain and beside is not None:
            self._add_members(beside, plain)
        elif plain:
            self._add_import(module, plain)
        # ruff gives every renamed name a statement of its own.
        for renamed in (name for name in new if " as " in name):
            self._add_import(module, [renamed])
        return local

    def add_entries(self, transform: str, entries: Sequence[tuple[str, str | None]], heading: str = "") -> None:
        """Have `entries` in the mapping of `transform`.

        New ones come after the others of `entries` where those are there, else last, below a comment with `heading`.

        Args:
            entries: key and replacement by the names used in this file; the replacement is None in a set.
            heading: what the comment says above a group of entries; none when empty.

        Raises:
            Refusal: there is no such mapping, it has another form, or a key has another replacement there.
        """
        mapping = self.file.mapping(transform)
        lines, beside = [], 0
        for key, replacement in entries:
            known = mapping.entry(key)
            beside = max(beside, known.line if known is not None else 0)
            if known is None:
                lines.append(f"{INDENT}{key}," if replacement is None else f"{INDENT}{key}: {replacement},")
            elif known.replacement != replacement:
                raise self._mapped_otherwise(transform, known.line, key, known.replacement)
        if lines and heading and not beside:
            lines.insert(0, f"{INDENT}# {heading}")
        self._insert(beside + 1 if beside else mapping.last, lines)

    def text(self) -> str:
        """The file with every edit.

        Raises:
            Refusal: something that stands there would be lost, or the file would be no Python.
        """
        parts: list[str] = []
        for number, line in enumerate((*self.file.lines, ""), start=1):
            parts += [f"{new}{self.file.newline}" for new in self._before.get(number, ())]
            if number not in self._removed:
                parts.append(line)
        text = "".join(parts)
        check_nothing_lost(self.file.text, text, self.file.path)
        return text

    def _insert(self, line: int, lines: Sequence[str]) -> None:
        """New lines before line `line`; what was asked for first comes first."""
        self._before.setdefault(line, []).extend(lines)

    def _add_members(self, statement: ImportStatement, names: Sequence[str]) -> None:
        if not statement.one_a_line:
            check_rewritable(self.file, statement)
            members = [*(member.spelling for member in statement.members), *names]
            self._removed.update(range(statement.first, statement.last + 1))
            self._insert(statement.first, import_lines(statement.module, members, self.line_length))
            return
        for name in sorted(names, key=member_order):
            later = [member for member in statement.members if member_order(member.name) > member_order(name)]
            self._insert(later[0].line if later else statement.last, [f"    {name},"])

    def _add_import(self, module: str, names: Sequence[str]) -> None:
        lines = import_lines(module, names, self.line_length)
        package = module.split(".")[0]
        order = module_order(module)
        beside = [
            item for item in self.file.imports if item.block is not None and item.module.split(".")[0] == package
        ]
        if not beside:
            raise Refusal(
                f"{self.file.path} imports nothing from `{package}`, beside which `{module}` would be imported",
                rule=RULE,
                location=Location(self.file.path, 1, self.file.lines[0] if self.file.lines else ""),
                expected=f"import statements `from {package}.... import ...` at the top of the file",
                next_step="compare with the file on the checkout's main branch",
            )
        # The first block that has something to stand before; else the end of the last.
        blocks = sorted(
            {item.block for item in beside if item.block is not None and module_order(item.module) > order}
        )
        block = blocks[0] if blocks else beside[-1].block
        here = [item for item in beside if item.block == block]
        earlier = [item for item in here if module_order(item.module) <= order]
        self._insert(earlier[-1].last + 1 if earlier else here[0].above, lines)

    def _mapped_otherwise(self, transform: str, line: int, key: str, replacement: str | None) -> Refusal:
        return Refusal(
            f"`{key}` has the replacement `{replacement}` in `{transform}` already",
            rule=RULE,
            location=Location(self.file.path, line, self.file.lines[line - 1]),
            expected=f"no entry for `{key}`, or the generated one",
            next_step=(
                "remove the entry, or give --replace"
                if self.file.origin(replacement or "") is not None
                else "remove the entry, or have its class imported by name and give --replace"
            ),
        )


def _takes_names(statement: ImportStatement, module: str) -> bool:
    """Whether plain names of `module` can be added to a statement."""
    return (
        statement.module == module
        and statement.block is not None
        and all(member.name == member.local for member in statement.members)
    )
