"""The bars: their lengths on a log axis, the page's colours, the same bytes."""

from __future__ import annotations

import re

import pytest

from qeff_codegen.coverage.scenario_margins import ScenarioMargins
from qeff_codegen.site.bars import bars

pytest.importorskip("matplotlib", reason="charts need it: pip install -e '.[report]'")


def lengths(chart: str, stage: int) -> list[float]:
    found = re.findall(
        rf'<path d="M ([\d.]+) [\d.]+ \nL ([\d.]+) [^"]*" [^>]*style="fill: var\(--stage-{stage}\)"', chart
    )
    return [float(right) - float(left) for left, right in found]


def margins(*shares: float | None) -> list[ScenarioMargins]:
    return [ScenarioMargins("base", f"scenario {number}", share, 0.01, 9.0) for number, share in enumerate(shares)]


def test_ten_times_the_difference_is_the_same_length_more() -> None:
    first, second, third = lengths(bars("elm", margins(0.002, 0.02, 0.2)), 2)
    assert second - first == pytest.approx(third - second, rel=1e-3)
    assert second - first > 20


def test_what_is_beyond_the_tolerance_is_beyond_its_line() -> None:
    chart = bars("elm", margins(5.0, 1.0))
    over, at = lengths(chart, 2)
    line = re.search(r'<path d="M ([\d.]+) [^"]*" [^>]*stroke: var\(--bad\)', chart)
    assert line is not None and over > at
    assert at == pytest.approx(float(line[1]) - 14, abs=0.1)


def test_nothing_and_no_number_have_no_bar() -> None:
    chart = bars("elm", margins(0.0, None, 0.1))
    assert len(lengths(chart, 2)) == 1
    assert ">not run<" in chart and ">0<" in chart


def test_the_same_bytes_in_the_pages_colours_without_a_font_or_a_date() -> None:
    chart = bars("elm", margins(0.02))
    assert chart == bars("elm", margins(0.02))
    assert not re.search(r"#0[1-9]0[1-9]0[1-9]|font-family|<!--|dc:|20\d\d-\d\d", chart)


def test_a_long_name_is_written_small_enough_and_as_it_is() -> None:
    def size(name: str) -> float:
        chart = bars("elm", [ScenarioMargins("base", name, 0.1, 0.1, 9.0)])
        label = re.search(rf"font-size: ([\d.]+)px[^>]*>base, {re.escape(name)}<", chart)
        assert label is not None
        return float(label[1])

    assert size("ragged batch") == 11
    assert 0 < size("a_parameter=$x$, " * 10) * len("a_parameter=$x$, " * 10) * 0.6 < 366


def test_what_a_user_has_set_for_other_pictures_changes_nothing() -> None:
    from matplotlib import rc_context

    with rc_context({"font.size": 30, "axes.facecolor": "red", "grid.linestyle": ":"}):
        other = bars("elm", margins(0.02))
    assert other == bars("elm", margins(0.02))
