"""The page as text: what it says, that it is whole, and its chart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest

from qeff_codegen.program_report.chart import sizes_chart
from qeff_codegen.program_report.sizes import PartSize

pytest.importorskip("matplotlib", reason="charts need it: pip install -e '.[report]'")
MIB = 2**20


class Outline(HTMLParser):
    """Ids, links and addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name, value in attrs if name == "href" and tag == "a" and value]
        self.loaded += [str(own["src"])] if "src" in own else []
        self.loaded += [str(own["href"])] if tag == "link" else []


def test_it_is_whole_and_loads_nothing(page: Path) -> None:
    outline = Outline(page.read_text("utf-8"))
    assert len(set(outline.ids)) == len(outline.ids), "two charts and two graphs, and no id twice"
    assert {link.removeprefix("#") for link in outline.links} <= set(outline.ids)
    assert outline.loaded == ["data:,"]


@pytest.mark.parametrize(
    "said",
    [
        "<h1>tiny &lt;llama&gt;</h1>",
        "A tiny model with random weights: its sizes are no checkpoint’s.",
        '<dd class="bad">failed</dd><dd class="note">1 problem, see below</dd>',
        "Program for text",
        "Program for images",
        "<code>past_key.0–1</code> <small>2 tensors</small>",
        "<strong>A &lt;Softplus&gt; is not known.</strong> Spell it otherwise.",
        "<strong>Three weights vanish.</strong>",
        "batch_size 1, ctx_len 24, full_batch_exec_size 1, full_batch_size 4, seq_len 8",
        'data-label="Seconds">22.00',
        "8 tokens in 0.5 s.",
        "/opt/qti-aic/exec/qaic-compile -aic-hw",
        "Inputs and outputs are the contract",
    ],
)
def test_it_says(page: Path, said: str) -> None:
    assert said in page.read_text("utf-8")


def lengths(chart: str, colour: str) -> list[float]:
    found = re.findall(rf'<path d="M ([\d.]+) [\d.]+ \nL ([\d.]+) [^"]*" [^>]*style="fill: var\({colour}\)"', chart)
    return [float(right) - float(left) for left, right in found]


def test_bars_are_as_long_as_sizes_are_large() -> None:
    parts = [PartSize("embedding", 40 * MIB), PartSize("layer 0", 10 * MIB, 20 * MIB), PartSize("norm", MIB)]
    chart = sizes_chart("one", parts)
    largest, layer, norm = lengths(chart, "--stage-2")
    (cache,) = lengths(chart, "--stage-3")
    assert [layer, cache, norm] == pytest.approx([largest / 4, largest / 2, largest / 40], rel=1e-3)
    assert "layer 0: weights 10 MiB, cache 20 MiB; norm: weights 1 MiB." in chart


def test_two_charts_of_a_page_share_no_name() -> None:
    parts = [PartSize("layer 0", 10 * MIB, 20 * MIB)]
    one, other = sizes_chart("one", parts), sizes_chart("other", parts)
    assert one == sizes_chart("one", parts)
    ids = [set(re.findall(r'id="([^"]+)"', chart)) for chart in (one, other)]
    assert ids[0] and not ids[0] & ids[1]
    assert not re.search(r"#0[1-9]0[1-9]0[1-9]|font-family|<!--|dc:|20\d\d-\d\d", one)


def test_a_long_name_keeps_its_end() -> None:
    chart = sizes_chart("one", [PartSize("model.vision_tower.patch_embedding", MIB)])
    assert ">…er.patch_embedding<" in chart
    assert "model.vision_tower.patch_embedding: weights 1 MiB" in chart
