"""Every line knows which rules wrote it and which upstream lines it stands for."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from qeff_codegen.engine.provenance import Line, Removal, follow, origin, upstream_lines


def numbered(text: str, first: int, function: str) -> list[Line]:
    return upstream_lines(text, range(first, first + len(text.splitlines())), function)


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]


def test_an_untouched_line_keeps_its_upstream_line() -> None:
    lines, removals = follow(numbered("a\nb\nc", 10, "f"), [], "a\nB\nc", "upper")
    assert lines == [
        Line("a", upstream=10, function="f"),
        Line("B", rules=("upper",), replaces=(11,), function="f"),
        Line("c", upstream=12, function="f"),
    ]
    assert removals == []


def test_a_second_rule_on_the_same_line_is_added_to_the_first() -> None:
    lines, _ = follow(numbered("a\nb", 1, "f"), [], "a\nB", "one")
    lines, _ = follow(lines, [], "a\nBB", "two")
    assert lines[1] == Line("BB", rules=("one", "two"), replaces=(2,), function="f")


def test_a_removal_is_remembered_and_moves_with_the_text() -> None:
    lines, removals = follow(numbered("a\nb\nc", 1, "f"), [], "a\nc", "drop")
    assert removals == [Removal(("drop",), (2,), 1, "f")]
    _, removals = follow(lines, removals, "new\na\nc", "add")
    assert removals == [Removal(("drop",), (2,), 2, "f")]


def test_removing_what_a_rule_wrote_for_upstream_lines_still_counts_them() -> None:
    lines, _ = follow(numbered("a\nb\nc", 1, "f"), [], "a\nB\nc", "one")
    _, removals = follow(lines, [], "a\nc", "two")
    assert removals == [Removal(("one", "two"), (2,), 1, "f")]


def test_a_line_is_followed_to_the_upstream_line_most_like_it() -> None:
    upstream = ["def f(x):", "    y = g(x)", "    z = h(y)", "    return z"]
    text = "def f(x):\n    z = h(y, 1)\n    w = z\n    return w"
    lines, _ = follow(numbered("\n".join(upstream), 1, "f"), [], text, "rule")
    assert [origin(lines, index, upstream) for index in (0, 1, 3)] == [1, 3, 4]


def test_an_added_line_is_followed_to_the_line_above_it_in_its_function() -> None:
    lines, _ = follow(numbered("a\nb", 1, "f"), [], "a\nnew\nb", "rule")
    assert origin(lines, 1, ["a", "b"]) == 1
    assert origin([*lines, Line("import x", rules=("emit",))], 3, ["a", "b"]) is None


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abcd"), max_size=8))
def test_every_line_and_every_upstream_line_is_accounted_for(before: list[str], after: list[str]) -> None:
    lines, removals = follow(numbered("\n".join(before), 1, "f"), [], "\n".join(after), "rule")
    assert texts(lines) == "\n".join(after).splitlines()
    assert all((line.upstream is None) == bool(line.rules) for line in lines)
    told = {line.upstream for line in lines if line.upstream is not None}
    told |= {number for line in lines for number in line.replaces}
    told |= {number for removal in removals for number in removal.upstream}
    assert told == set(range(1, len("\n".join(before).splitlines()) + 1))
