"""The HTML page: whole, well-formed, escaped, the same every time, and on its own."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.review.facts import Review, review_of
from qeff_codegen.review.page import as_html
from tests.rewrite_rules.example_runner import example_model

WITHOUT_END = {"meta", "link", "br", "hr", "img", "input"}
LARGEST = 1_500_000


class Page(HTMLParser):
    """Reads a page strictly: every element is closed where it was opened, and no id is given twice."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.sources: list[str] = []
        self.tags: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                assert value not in self.ids, value
                self.ids.add(value or "")
            elif name == "href":
                self.links.append(value or "")
            elif name in ("src", "srcset", "action", "data"):
                self.sources.append(value or "")
        if tag not in WITHOUT_END:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()


def test_it_is_well_formed_and_every_link_leads_somewhere(review: Review) -> None:
    text = as_html(review, "../../docs/rules.md")
    page = Page(text)
    assert text.startswith("<!DOCTYPE html>")
    within = {link[1:] for link in page.links if link.startswith("#")}
    assert within <= page.ids
    assert {f"hunk-{number}" for number in range(1, len(review.hunks) + 1)} <= page.ids


def test_nothing_is_loaded(review: Review) -> None:
    text = as_html(review, "../../docs/rules.md")
    page = Page(text)
    assert page.sources == []
    assert {link.split("#")[0] for link in page.links} == {"", "data:,", "../../docs/rules.md"}
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|https?://", text)


def test_upstreams_lines_are_linked_where_the_release_has_them(llama: GeneratedModel, tmp_path: Path) -> None:
    text = as_html(review_of(llama, tmp_path, tmp_path, {}), None)
    version = llama.upstream.version
    address = f"https://github.com/huggingface/transformers/blob/v{version}/src/transformers/models/llama/"
    links = [link for link in Page(text).links if link.startswith("http")]
    assert len(links) > 40 and all(link.startswith(f"{address}modeling_llama.py#L") for link in links)
    places = re.findall(r'<h4 class="place".*?</h4>', text, re.DOTALL)
    assert len(places) == 47 and all('<a class="upstream" href="https://' in place for place in places)
    hunks = review_of(llama, tmp_path, tmp_path, {}).hunks
    new = next(
        place for hunk, place in zip(hunks, places, strict=True) if hunk.name.endswith(".get_submodules_for_export")
    )
    (line,) = re.findall(r'#L(\d+)">upstream, after \1</a>', new)
    assert llama.upstream.lines[int(line) - 2].strip().startswith("attentions="), "the end of the method before it"
    (role,) = [item for item in llama.roles if item.name == "LlamaAttention"]
    assert f"{address}modeling_llama.py#L{role.line}" in links
    assert "class LlamaAttention" in llama.upstream.lines[role.line - 1]


def test_it_says_what_is_known(review: Review) -> None:
    text = as_html(review, None)
    for role in review.model.roles:
        assert role.name in text
    for rule in review.rules:
        assert f'href="#rule-{rule.id}"' in text
    assert "QEffTinyAttention" in text and "CustomRMSNormAIC" in text
    assert "python -m qeff_codegen validate tiny" in text, "nothing was validated, so the page says how to"
    assert "rules.md" not in text, "there is no catalogue to link to"


def test_changes_come_before_tables(review: Review) -> None:
    text = as_html(review, None)
    ids = ["changes", "recognised", "rules", "mapping", "validation", "catalogue"]
    places = [text.index(f'<h2 id="{name}"') for name in ids]
    assert places == sorted(places)


def test_every_hunk_shows_its_rules_and_their_reasons(review: Review) -> None:
    articles = as_html(review, None).split("<article")[1:]
    assert len(articles) == len(review.hunks)
    for article, hunk in zip(articles, review.hunks, strict=True):
        label = article.split('<div class="pair')[0]
        assert f'data-rules="{" ".join(hunk.owners)}"' in label
        for owner in hunk.owners:
            assert f'href="#rule-{owner}">{owner}</a>' in label


def test_source_cannot_break_out(tmp_path: Path) -> None:
    upstream = example_model("")
    evil = "# </code></pre></details><script>alert(1)</script> &lt; {{ 7 * 7 }}\n"
    line = "    attn_weights = torch.matmul(query, key.transpose(2, 3)) * scaling\n"
    assert upstream.source.count(line) == 1
    upstream = replace(upstream, source=upstream.source.replace(line, f"    {evil}{line}"))
    text = as_html(review_of(generate_model(upstream), tmp_path, tmp_path, {}), None)
    assert Page(text).tags.count("script") == 1, "the page's own"
    assert (
        "&lt;/code&gt;&lt;/pre&gt;&lt;/details&gt;&lt;script&gt;alert(1)&lt;/script&gt; &amp;lt; {{ 7 * 7 }}" in text
    )


def test_it_is_the_same_every_time(review: Review, tiny: GeneratedModel, tmp_path: Path) -> None:
    again = review_of(generate_model(example_model("")), tmp_path / "generated", tmp_path / "records", {})
    assert as_html(again, None) == as_html(review, None)


def test_a_real_model_makes_a_page_of_a_reasonable_size(llama: GeneratedModel, tmp_path: Path) -> None:
    text = as_html(review_of(llama, tmp_path, tmp_path, {}), "../docs/rules.md")
    Page(text)
    assert len(text.encode()) < LARGEST
    assert "of transformers 5." in text
