"""Where the boxes of a model's picture stand: frames around frames, one below the other, as wide as a phone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qeff_codegen.site.boxes import Box

WIDTH = 380
PAD = 8
HEAD = 44
GAP = 12
# How wide a character of a name is.
CHARACTER = 7
# The first and the last line: what goes in, what comes out.
END = 28


@dataclass(frozen=True)
class Placed:
    """A box at its place, in CSS pixels, and how far down its head reaches."""

    box: Box
    x: int
    y: int
    width: int
    height: int

    @property
    def room(self) -> int:
        """How wide the name may be beside what stands at the right."""
        return self.width - 3 * PAD - CHARACTER * len(self.box.change)

    @property
    def is_narrow(self) -> bool:
        """Whether the name is wider than that, as it is."""
        return CHARACTER * len(self.box.name) > self.room


@dataclass(frozen=True)
class Picture:
    """All that is drawn.

    Attributes:
        placed: every box, outer ones first.
        arrows: the upper and the lower end of each, in the middle.
    """

    placed: tuple[Placed, ...]
    arrows: tuple[tuple[int, int], ...]
    height: int


def picture(boxes: Sequence[Box]) -> Picture:
    """Lay the boxes out."""
    placed: list[Placed] = []
    arrows: list[tuple[int, int]] = []
    bottom = END
    for box in boxes:
        arrows.append((bottom - 4, bottom + GAP))
        bottom = _place(box, 0, bottom + GAP, WIDTH, placed, arrows)
    arrows.append((bottom, bottom + GAP))
    return Picture(tuple(placed), tuple(arrows), bottom + GAP + END)


def _place(box: Box, x: int, y: int, width: int, placed: list[Placed], arrows: list[tuple[int, int]]) -> int:
    """Place a box and what is inside it; gives its lower edge."""
    index = len(placed)
    placed.append(Placed(box, x, y, width, 0))
    bottom = y + HEAD
    before: int | None = None
    for inner in box.inside:
        top = bottom + GAP
        if inner.flows and before is not None:
            arrows.append((before, top))
        bottom = _place(inner, x + PAD, top, width - 2 * PAD, placed, arrows)
        before = bottom if inner.flows else None
    bottom += PAD if box.inside else 0
    placed[index] = Placed(box, x, y, width, bottom - y)
    return bottom
