"""The largest difference over the tolerance, scenario by scenario, as bars on a log axis."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from qeff_codegen.coverage.scenario_margins import ScenarioMargins, shown
from qeff_codegen.site.chart_element import SIZE, chart_element, settings
from qeff_codegen.validation.results import STAGE_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# In CSS pixels. A phone shows the picture at about this width, so its text is as large there as the page's own.
WIDTH = 380
_ROW = 44
_ABOVE, _BELOW = 56, 34
_BAR = 11
# Characters of that size in a row.
_FITS = 56
# Where the axis begins, unless a bar is shorter: differences below it say nothing but that there are some.
_LEAST = 1e-3
# Stand-ins for the page's colours, which differ in light and dark.
_COLOURS = {
    "#010101": "var(--text)",
    "#020202": "var(--quiet)",
    "#030303": "var(--line)",
    "#040404": "var(--stage-2)",
    "#050505": "var(--stage-3)",
    "#060606": "var(--bad)",
}
_TEXT, _QUIET, _LINE, _STAGE_2, _STAGE_3, _LIMIT = _COLOURS


def bars(family: str, margins: Sequence[ScenarioMargins]) -> Markup:
    """An SVG element for a page: two bars for each scenario, with title and description for who does not see it.

    Args:
        family: for the title.
        margins: at least one.
    """
    # Only charts need it, and only whoever writes the site has charts.
    from matplotlib import style
    from matplotlib.figure import Figure

    height = _ABOVE + _ROW * len(margins) + _BELOW
    # Whatever a user has set for pictures of their own.
    with style.context(["default", settings("qeff_codegen")]):
        # A point is a CSS pixel.
        figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72)
        axes = figure.add_axes((14 / WIDTH, _BELOW / height, (WIDTH - 50) / WIDTH, _ROW * len(margins) / height))
        _axis(axes, margins)
        # Rows downwards, and across from the axis' left end, whatever its scale.
        from_left = axes.get_yaxis_transform()
        for row, item in enumerate(margins):
            name = f"{item.variant}, {item.scenario}"
            size = min(SIZE, SIZE * _FITS / len(name))
            axes.text(0, row * _ROW + 15, name, size=size, color=_TEXT, transform=from_left)
            _bar(axes, row * _ROW + 20, item.torch, _STAGE_2)
            _bar(axes, row * _ROW + 20 + _BAR, item.onnx, _STAGE_3)
        _legend(figure, height)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _element(text.getvalue(), f"Largest difference over the tolerance, {family}", _description(margins))


def _axis(axes: Axes, margins: Sequence[ScenarioMargins]) -> None:
    shares = [1.0, *(share for item in margins for share in (item.torch, item.onnx) if share)]
    axes.set_xscale("log")
    axes.set_xlim(min(_LEAST, *shares) / 1.5, max(shares) * 1.5)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_ylim(_ROW * len(margins), 0)
    axes.set_yticks([])
    axes.tick_params(axis="x", which="both", colors=_QUIET)
    axes.tick_params(axis="x", which="minor", length=0)
    axes.grid(axis="x", color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(_LINE)
    axes.axvline(1, color=_LIMIT, linewidth=1.2, linestyle=(0, (4, 3)))


def _bar(axes: Axes, top: float, share: float | None, colour: str) -> None:
    left = axes.get_xlim()[0]
    if share:
        axes.barh(top, share - left, left=left, height=_BAR - 1, align="edge", color=colour)
    end = max(share or left, left)
    axes.annotate(
        shown(share), (end, top + _BAR / 2), (3, 0), textcoords="offset points", va="center", size=9, color=_QUIET
    )


def _legend(figure: Figure, height: int) -> None:
    for line, (stage, colour) in enumerate(((2, _STAGE_2), (3, _STAGE_3))):
        at = 1 - (12 + 16 * line) / height
        figure.text(14 / WIDTH, at, "■", color=colour, va="center")
        figure.text(30 / WIDTH, at, f"Stage {stage}, {STAGE_NAMES[stage]}", color=_TEXT, va="center")
    figure.text(14 / WIDTH, 1 - 44 / height, "- -", color=_LIMIT, va="center")
    figure.text(34 / WIDTH, 1 - 44 / height, "the tolerance", color=_TEXT, va="center")


def _description(margins: Sequence[ScenarioMargins]) -> str:
    """The numbers as text: what is read out where the picture is not seen."""
    lines = [
        f"{item.variant}, {item.scenario}: Stage 2 {shown(item.torch)}, Stage 3 {shown(item.onnx)}" for item in margins
    ]
    return "; ".join(lines) + "."


def _element(document: str, title: str, description: str) -> Markup:
    return chart_element(document, name="bars", colours=_COLOURS, title=title, description=description)
