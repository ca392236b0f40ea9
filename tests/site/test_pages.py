"""The pages: well-formed, linked, escaped, the same every time, and on their own."""

from __future__ import annotations

import posixpath
import re
import tempfile
from pathlib import Path

import pytest

from qeff_codegen.review.facts import Review
from qeff_codegen.site.pages import Site, pages
from tests.review.test_page import Page
from tests.site.conftest import VERSION, site_of

ON_THE_WEB = f"https://github.com/huggingface/transformers/blob/v{VERSION}/src/transformers/"

# Where this checkout stands, who runs it, and where its tests write.
PLACES = (str(Path(__file__).resolve().parents[2]), str(Path.home()), tempfile.gettempdir())


@pytest.fixture(scope="module")
def texts(site: Site) -> dict[str, str]:
    return pages(site)


def test_the_files(texts: dict[str, str]) -> None:
    names = ("alike", "elm", "fir", "later", "oak", "outside", "pear", "tiny")
    own = {"index.html", "releases.html", "missing.html", "style.css", "site.js", "review/tiny.html"}
    assert texts.keys() == own | {f"families/{name}.html" for name in names}


def test_every_page_is_well_formed_and_every_link_leads_somewhere(texts: dict[str, str]) -> None:
    read = {name: Page(text) for name, text in texts.items() if name.endswith(".html")}
    for name, page in read.items():
        for link in page.links:
            path, _, fragment = link.partition("#")
            if link.startswith(("data:", "https:")):
                assert link == "data:," or link.startswith(ON_THE_WEB) or "v9.0.0/src/transformers/elm.py#L3" in link
                continue
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name
            assert target in texts, (name, link)
            assert not fragment or fragment in read[target].ids, (name, link)


def test_every_box_of_the_picture_leads_to_the_review(texts: dict[str, str]) -> None:
    drawn = texts["families/tiny.html"].split('<svg class="model"')[1].split("</svg>")[0]
    links = re.findall(r'href="([^"]*)"', drawn)
    assert len(links) == 9 and all(link.startswith("../review/tiny.html#") for link in links)
    assert sum("#hunk-" in link for link in links) >= 5


def test_nothing_is_loaded_from_elsewhere(texts: dict[str, str]) -> None:
    for name, text in texts.items():
        assert not re.search(r"url\((?!#)|@import|fetch\(|XMLHttpRequest", text), name
        if name.endswith(".html") and not name.startswith("review/"):
            assert {posixpath.basename(source) for source in Page(text).sources} == {"site.js"}
            # Names of the vocabulary of SVG lead nowhere.
            without = re.sub(r'xmlns(:xlink)?="[^"]*"|href="https://github.com/[^"]*"', "", text)
            assert "http" not in without, name


def test_it_is_the_same_every_time(review: Review, texts: dict[str, str]) -> None:
    assert pages(site_of(review)) == texts


def test_pages_say_no_date_and_no_place_of_this_machine(texts: dict[str, str]) -> None:
    for name, text in texts.items():
        assert not re.search(r"\b20\d\d-\d\d-\d\d|/home/|/tmp/", text), name
        assert not [place for place in PLACES if place in text], name


def test_names_and_reasons_are_escaped(texts: dict[str, str]) -> None:
    assert "of no &lt;kind&gt; that is known" in texts["missing.html"]
    assert "a&lt;b, end of context" in texts["families/tiny.html"]


def test_counts_on_top(texts: dict[str, str]) -> None:
    found = re.findall(r"<div><dt>([^<]*)</dt><dd[^>]*>(\d+)</dd>", texts["index.html"])
    counts = {"Families": "8", "Supported": "2", "Refused": "3", "Not swept": "2", "Defects": "1"}
    assert dict(found) == counts


def row(text: str, name: str) -> str:
    return next(row for row in text.split("<tr")[1:] if f">{name}</" in row)


def test_a_row_of_the_table(texts: dict[str, str]) -> None:
    supported, refused = row(texts["index.html"], "tiny"), row(texts["index.html"], "elm")
    for expected in (">supported<", ">equal in 3<", ">0.1<", ">12.5<"):
        assert expected in supported
    assert ">refused<" in refused
    assert "<code>anatomy</code>: <code>ElmMixer</code> keeps a state: <code>self.conv</code>" in refused
    assert f'href="{ON_THE_WEB}models/elm/m.py#L7"' in refused
    assert row(texts["index.html"], "alike").count(">–<") == 2, "the sweep kept no margins of it"


@pytest.mark.parametrize(
    ("name", "why"),
    [("later", "checked in since the last sweep, which refused it"), ("outside", "not in the last sweep")],
)
def test_what_is_checked_in_and_was_not_swept_says_so(texts: dict[str, str], name: str, why: str) -> None:
    assert ">not swept<" in row(texts["index.html"], name) and why in row(texts["index.html"], name)
    assert why in texts[f"families/{name}.html"]
    assert name not in texts["missing.html"]


def test_a_cell_of_the_map_has_its_reason_as_text(texts: dict[str, str]) -> None:
    found = row(texts["releases.html"], "elm")
    assert 'title="elm, 9.0.0: refused by anatomy: no `loop`">no<span class="aloud">: no `loop`</span>' in found
    assert "keeps a state: `self.conv`" in found, "at the swept release the sweep knows why"
    assert row(texts["releases.html"], "gone").count("<td>–</td>") == 1
    assert row(texts["releases.html"], "tiny").count('<td class="yes">yes</td>') == 2


def test_the_chart_is_told_in_words_too(texts: dict[str, str]) -> None:
    page = texts["families/tiny.html"]
    assert '<title id="bars-title">Largest difference over the tolerance, tiny</title>' in page
    assert "base, ragged batch: Stage 2 0.001, Stage 3 0.01; base, chunked prefill: Stage 2 0.1, Stage 3 0;" in page
    assert "a&lt;b, end of context: Stage 2 0.05, Stage 3 not run.</desc>" in page


def test_pages_are_small(texts: dict[str, str]) -> None:
    sizes = {name: len(text.encode()) for name, text in texts.items() if not name.startswith("review/")}
    assert max(sizes.values()) < 40_000, sizes
