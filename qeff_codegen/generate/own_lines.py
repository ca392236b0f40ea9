"""Line numbers of upstream's own file, for a model that was generated from another layout of it.

Everything between reading and the finished text counts lines of the plain layout. What a user sees, messages, roles
and the review, speaks of the file as it is: a line of the plain layout stands for the line that it comes from. A
generated line whose text upstream's file has in another layout is owned by a step of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from qeff_codegen.emit import steps
from qeff_codegen.engine.provenance import Line
from qeff_codegen.errors import Location, Refusal
from qeff_codegen.generated_model import Edit, GeneratedModel, RoleFound
from qeff_codegen.upstream.source import UpstreamModel


@dataclass(frozen=True)
class OwnLines:
    """The lines of upstream's file that those of its plain layout come from.

    Attributes:
        upstream: the file as it is.
        origins: for every line of the plain layout, the 1-based line of the file; None where both are one.
    """

    upstream: UpstreamModel
    origins: Sequence[int] | None

    def of(self, line: int) -> int:
        """The file's own number of a 1-based line of the plain layout."""
        return line if self.origins is None else self.origins[min(line, len(self.origins)) - 1]

    def refusal(self, refusal: Refusal) -> Refusal:
        """A refusal that names the line of the file that it comes from, and shows it."""
        place = refusal.location
        if place is None or (self.origins is None and not self.upstream.places):
            return refusal
        line = self.of(place.line)
        path, number = self.upstream.place(line)
        location = Location(path, number, self.upstream.lines[line - 1])
        return Refusal(
            refusal.what,
            rule=refusal.rule,
            location=location,
            expected=refusal.expected,
            next_step=refusal.next_step,
        )

    def roles(self, found: Iterable[RoleFound]) -> tuple[RoleFound, ...]:
        """Roles at the lines of the file."""
        return tuple(replace(role, line=self.of(role.line)) for role in found)

    def of_whole_file(self, model: GeneratedModel) -> GeneratedModel:
        """A model of which no generated line is upstream's, and whose edits speak of the file as a whole."""
        whole = (1, len(self.upstream.lines))
        edits = tuple(replace(edit, upstream_lines=edit.upstream_lines and whole) for edit in model.edits)
        return replace(model, upstream=self.upstream, roles=self.roles(model.roles), edits=edits)

    def generated(
        self, lines: Sequence[Line], edits: tuple[Edit, ...]
    ) -> tuple[tuple[int | None, ...], tuple[Edit, ...]]:
        """The line of the file that each generated line is, and the edits by the file's lines.

        Generated lines that are upstream's in another layout are edits too, and so are lines of the file that nothing
        else speaks of.
        """
        if self.origins is None:
            return tuple(line.upstream for line in lines), edits
        texts = self.upstream.lines
        origins: list[int | None] = []
        same: set[int] = set()
        laid_out: list[Edit] = []
        for number, line in enumerate(lines, start=1):
            own = None if line.upstream is None else self.of(line.upstream)
            is_same = own is not None and texts[own - 1] == line.text and own not in same
            origins.append(own if is_same else None)
            same |= {own} if own is not None and is_same else set()
            if own is not None and not is_same:
                laid_out.append(Edit(steps.LAYOUT.id, line.function, (own, own), (number, number)))
        moved = [replace(edit, upstream_lines=self._span(edit.upstream_lines)) for edit in edits]
        told = {number for edit in (*moved, *laid_out) if (span := edit.upstream_lines) for number in _numbers(span)}
        untold = set(range(1, len(texts) + 1)) - told - same
        left = [Edit(steps.LAYOUT.id, "", (number, number), None) for number in sorted(untold)]
        return tuple(origins), (*moved, *laid_out, *left)

    def _span(self, span: tuple[int, int] | None) -> tuple[int, int] | None:
        return None if span is None else (self.of(span[0]), self.of(span[1]))


def _numbers(span: tuple[int, int]) -> range:
    return range(span[0], span[1] + 1)
