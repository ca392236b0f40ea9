"""Weights and cache of every layer, as two bars each."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from qeff_codegen.program_report.sizes import PartSize, shown
from qeff_codegen.site.chart_element import chart_element, settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# In CSS pixels. A phone shows the picture at about this width, so its text is as large there as the page's own.
WIDTH = 380
_ROW = 24
_ABOVE, _BELOW = 40, 34
_LEFT, _RIGHT = 128, 60
_BAR = 9
# Characters of a name that fit in front of the bars; of a longer one, its end.
_FITS = 19
# Stand-ins for the page's colours, which differ in light and dark.
_COLOURS = {
    "#010101": "var(--text)",
    "#020202": "var(--quiet)",
    "#030303": "var(--line)",
    "#040404": "var(--stage-2)",
    "#050505": "var(--stage-3)",
}
_TEXT, _QUIET, _LINE, _WEIGHTS, _CACHE = _COLOURS
_NAMES = {_WEIGHTS: "weights", _CACHE: "cache"}


def sizes_chart(name: str, parts: Sequence[PartSize]) -> Markup:
    """An SVG element for a page.

    Args:
        name: what no other chart of the page is called, as a word of letters and dashes.
        parts: at least one.
    """
    # Only charts need it, and only whoever wants the page has charts.
    from matplotlib import style
    from matplotlib.figure import Figure

    height = _ABOVE + _ROW * len(parts) + _BELOW
    # Whatever a user has set for pictures of their own.
    with style.context(["default", settings(name)]):
        # A point is a CSS pixel.
        figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72)
        width = WIDTH - _LEFT - _RIGHT
        axes = figure.add_axes((_LEFT / WIDTH, _BELOW / height, width / WIDTH, _ROW * len(parts) / height))
        _axis(axes, parts)
        from_left = axes.get_yaxis_transform()
        for row, part in enumerate(parts):
            label = part.name if len(part.name) <= _FITS else "…" + part.name[1 - _FITS :]
            middle = row * _ROW + _ROW / 2
            axes.text(-6 / width, middle, label, size=10, color=_TEXT, transform=from_left, ha="right", va="center")
            both = [(part.weights, _WEIGHTS), (part.cache, _CACHE)]
            own = [(size, colour) for size, colour in both if size]
            for line, (size, colour) in enumerate(own):
                _bar(axes, middle + (line - len(own) / 2) * (_BAR + 1), size, colour)
        for place, (colour, text) in enumerate(_NAMES.items()):
            figure.text((_LEFT + 76 * place) / WIDTH, 1 - 14 / height, "■", color=colour, va="center")
            figure.text((_LEFT + 76 * place + 15) / WIDTH, 1 - 14 / height, text, color=_TEXT, va="center")
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return chart_element(
        file.getvalue(),
        name=name,
        colours=_COLOURS,
        title="Weights and cache on the device, by layer",
        description="; ".join(f"{part.name}: {_told(part)}" for part in parts) + ".",
    )


def _axis(axes: Axes, parts: Sequence[PartSize]) -> None:
    largest = max(max(part.weights, part.cache) for part in parts)
    axes.set_xlim(0, max(1, largest))
    axes.set_xticks([0, largest / 2, largest], ["0", shown(largest / 2), shown(largest)])
    axes.set_ylim(_ROW * len(parts), 0)
    axes.set_yticks([])
    axes.tick_params(axis="x", colors=_QUIET, length=0)
    axes.grid(axis="x", color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(_LINE)


def _bar(axes: Axes, top: float, size: int, colour: str) -> None:
    axes.barh(top, size, height=_BAR, align="edge", color=colour)
    axes.annotate(
        shown(size),
        (size, top + _BAR / 2),
        (3, 0),
        textcoords="offset points",
        va="center",
        size=9,
        color=_QUIET,
        annotation_clip=False,
    )


def _told(part: PartSize) -> str:
    return (
        f"weights {shown(part.weights)}, cache {shown(part.cache)}" if part.cache else f"weights {shown(part.weights)}"
    )
