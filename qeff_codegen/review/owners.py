"""Who owns a changed line: the rules and steps that the engine recorded an edit for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from qeff_codegen.errors import EXIT_DIFFERENCES, Location, QEffCodegenError
from qeff_codegen.generated_model import GeneratedModel


class UnownedLineError(QEffCodegenError):
    """A line differs between the two files, and nothing that was recorded made it differ."""

    exit_code = EXIT_DIFFERENCES

    def __init__(self, location: Location, what: str) -> None:
        super().__init__(
            f"no rule owns a line that {what}\n"
            f"  at       {location}\n"
            f"  source   {location.excerpt.strip() or '(a blank line)'}\n"
            "  expected every line that differs from upstream to belong to a rule or to a step of emission\n"
            "  next     this is a bug of the generator: do not merge the file, and report it with this message"
        )


@dataclass(frozen=True)
class Run:
    """Consecutive changed lines of one file with the same owners.

    Attributes:
        owners: ids of rules or steps, in the order in which they ran.
        name: the qualified upstream name of what the lines are part of.
        lines: 1-based.
    """

    owners: tuple[str, ...]
    name: str
    lines: range


_Span = tuple[int, int]


class Owners:
    """The edits of a model, by the lines they cover."""

    def __init__(self, model: GeneratedModel) -> None:
        rules: dict[tuple[str, _Span | None, _Span | None], tuple[str, ...]] = {}
        for edit in model.edits:
            key = (edit.function, edit.upstream_lines, edit.generated_lines)
            rules[key] = (*rules.get(key, ()), edit.rule)
        self._upstream = _by_line([(span, owners, name) for (name, span, _), owners in rules.items()])
        self._generated = _by_line([(span, owners, name) for (name, _, span), owners in rules.items()])
        self._model = model

    def of_upstream(self, lines: range) -> list[Run]:
        """The owners of lines of upstream's file that the generated file does not have.

        Raises:
            UnownedLineError: a line has none.
        """
        path, texts = self._model.upstream.display_path, self._model.upstream.lines
        return _runs(lines, self._upstream, path, texts, "upstream's file has and the generated one has not")

    def of_generated(self, lines: range) -> list[Run]:
        """The owners of lines of the generated file that upstream's does not have.

        Raises:
            UnownedLineError: a line has none.
        """
        path = f"{self._model.name}/modeling_{self._model.name}.py"
        texts = self._model.code.splitlines()
        return _runs(lines, self._generated, path, texts, "the generated file has and upstream's has not")


def _by_line(
    spans: Sequence[tuple[_Span | None, tuple[str, ...], str]],
) -> dict[int, tuple[tuple[str, ...], str]]:
    """Owners and name for every line that is covered: of several edits, those of the shortest count."""
    covered = [(span, owners, name) for span, owners, name in spans if span is not None]
    found: dict[int, tuple[tuple[str, ...], str]] = {}
    for (first, last), owners, name in sorted(covered, key=lambda item: item[0][0] - item[0][1]):
        found.update(dict.fromkeys(range(first, last + 1), (owners, name)))
    return found


def _runs(
    lines: range, owned: dict[int, tuple[tuple[str, ...], str]], path: str, texts: Sequence[str], what: str
) -> list[Run]:
    for number in lines:
        if number not in owned:
            raise UnownedLineError(Location(path, number, texts[number - 1]), what)
    runs = []
    for (owners, name), numbers in groupby(lines, owned.__getitem__):
        first, *others = numbers
        runs.append(Run(owners, name, range(first, first + 1 + len(others))))
    return runs
