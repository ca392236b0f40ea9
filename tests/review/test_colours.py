"""Lines of Python as HTML, and the words in them that differ."""

from __future__ import annotations

import re
from html import unescape

from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.review.changed_words import changed_words
from qeff_codegen.review.changes import Hunk
from qeff_codegen.review.colours import coloured


def test_words_have_the_class_of_their_kind() -> None:
    (line,) = coloured(["def f(self):  # why"], {})
    assert line == '<i class="k">def</i> <i class="f">f</i>(<i class="k">self</i>):  <i class="c"># why</i>'


def test_source_is_escaped() -> None:
    (line,) = coloured(["x = '</pre><script>' & 1"], {})
    assert "<script>" not in line and "&lt;/pre&gt;&lt;script&gt;" in line and "&amp;" in line


def test_a_string_over_several_lines_is_closed_on_each() -> None:
    assert coloured(['"""one', "", 'two"""'], {}) == [
        '<i class="s">&#34;&#34;&#34;one</i>',
        "",
        '<i class="s">two&#34;&#34;&#34;</i>',
    ]


def test_marks_cut_words() -> None:
    assert coloured(["ab, cd"], {1: [range(1, 5)]}) == ["a<mark>b</mark><mark>,</mark><mark> </mark><mark>c</mark>d"]


def test_every_line_keeps_its_text(tiny: GeneratedModel) -> None:
    for lines in (tiny.code.splitlines(), tiny.upstream.source.splitlines(), ["a\x0cb", "", "\tc\x00 '"]):
        assert [unescape(re.sub("<[^>]+>", "", line)) for line in coloured(lines, {})] == lines


def test_only_words_that_differ_are_marked() -> None:
    old, new = ["    return a, b", "x"], ["        return a, b, cache", "y"]
    hunk = Hunk(("one",), "", range(1, 3), range(1, 3))
    gone, added = changed_words([hunk], old, new)
    assert gone == {1: []}
    assert [new[0][span.start : span.stop] for span in added[1]] == [", cache"]


def test_lines_that_are_not_alike_are_not_marked() -> None:
    hunk = Hunk(("one",), "", range(1, 2), range(1, 2))
    assert changed_words([hunk], ["dropout = self.dropout(x)"], ["if return_legacy_cache:"]) == ({}, {})
    assert changed_words([hunk], ['"full": make(mask),'], ['"sliding": make(mask),']) == ({}, {}), "other keys"
