"""Patterns of statements: what may stand between them, which may be missing, and what an earlier match knows."""

from __future__ import annotations

import ast

import pytest

from qeff_codegen.codemod.code import Code
from qeff_codegen.patterns.match import find_all, first_unlike, match
from qeff_codegen.patterns.pattern import Pattern

LOOP = Pattern("""
if ...:
    $hit = $mask.nonzero()
else:
    $hit = torch.where($mask)
for $number in $hit:
    if ...:
        $number = $number[0]
    ...
    $total.add_($number)
""")


def code(*lines: str) -> Code:
    return Code("def forward(self):\n" + "".join(f"    {line}\n" for line in lines))


@pytest.mark.parametrize("made", ["hit = mask.nonzero()", "hit = torch.where(mask)"])
@pytest.mark.parametrize("first", [[], ["    i = i[0]"]])
def test_statements_may_be_missing_or_others(made: str, first: list[str]) -> None:
    found = find_all(LOOP, code(made, "for i in hit:", *first, "    x = f(x)", "    total.add_(i)"))
    assert [ast.unparse(item["mask"]) for item in found] == ["mask"]


def test_other_statements_are_not_among_them() -> None:
    assert not find_all(LOOP, code("hit = mask.any()", "for i in hit:", "    total.add_(i)"))


def test_between_statements_nothing_binds_what_is_known_before_them() -> None:
    pattern = Pattern("$x = f()\n...\n$y = g($x)")
    assert find_all(pattern, code("x = f()", "y = 0", "y = g(x)"))
    assert not find_all(pattern, code("x = f()", "x = 0", "y = g(x)"))


def test_statements_with_a_name_are_for_the_rule_to_look_at() -> None:
    (found,) = find_all(Pattern("$x = f()\n$...between\n$y = g($x)"), code("x = f()", "x = 0", "y = g(x)"))
    assert [ast.unparse(item) for item in found.rest("between")] == ["x = 0"]


def test_what_may_be_missing_need_not_be_mentioned() -> None:
    assert LOOP.identifiers == {"add_"}


def test_messages_show_what_is_usual() -> None:
    assert LOOP.shown == "$hit = $mask.nonzero(); for $number in $hit: ...; $total.add_($number)"


def test_an_earlier_match_may_be_known() -> None:
    loop = code("for i in hit:", "    x[i] = y[j]")
    known = match(Pattern("for $number in $_:\n    ..."), loop.body[0])
    assert known is not None
    found = find_all(Pattern("$rows[$number]"), loop, known.bound)
    assert [ast.unparse(item.node) for item in found] == []
    assert match(Pattern("$rows[$number]"), ast.parse("x[i]", mode="eval").body, known=known.bound)
    assert not match(Pattern("$rows[$number]"), ast.parse("x[j]", mode="eval").body, known=known.bound)


def test_a_vocabulary_may_name_statements() -> None:
    vocabulary = {"HITS": "$hit = $MASK.nonzero()", "MASK": "{mask, hits}"}
    pattern = Pattern("$HITS\nfor $number in $hit:\n    ...", vocabulary)
    assert find_all(pattern, code("hit = hits.nonzero()", "for i in hit:", "    f(i)"))
    assert not find_all(pattern, code("hit = other.nonzero()", "for i in hit:", "    f(i)"))
    assert pattern.shown == "$hit = $MASK.nonzero(); for $number in $hit: ..."


@pytest.mark.parametrize(
    "between", ["x = g(x)", "x[0] = 1", "x.weight.data = 1", "x.add_(1)", "x.view(-1).mul_(2)", "del x"]
)
def test_statements_in_between_change_nothing_that_is_bound(between: str) -> None:
    pattern = Pattern("$x = f()\n...\nreturn $x")
    assert match(pattern, code("x = f()", "y = x.add(1)", "return x").body) is not None
    assert match(pattern, code("x = f()", between, "return x").body) is None


@pytest.mark.parametrize(
    ("lines", "at", "wanted"),
    [
        (
            ["hit = mask.any()", "for i in hit:", "    total.add_(i)"],
            "hit = mask.any()",
            "if ...: $hit = $mask.nonzero()",
        ),
        (["hit = mask.nonzero()", "for i in hit:", "    total.sub_(i)"], "for i in hit:", "for $number in $hit:"),
        (["hit = mask.nonzero()"], "hit = mask.nonzero()", "for $number in $hit:"),
        (["hit = mask.nonzero()", "for i in hit:", "    total.add_(i)", "x = 0"], "x = 0", "nothing more"),
    ],
)
def test_the_first_statement_that_is_not_as_shown(lines: list[str], at: str, wanted: str) -> None:
    statement, shown = first_unlike(LOOP, code(*lines).body)
    assert ast.unparse(statement).startswith(at)
    assert shown.startswith(wanted)
