"""A pattern matches what it shows, in every spelling that is equal by definition, and nothing else."""

from __future__ import annotations

import ast

import pytest

from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.patterns.match import find_all, match
from qeff_codegen.patterns.pattern import Pattern
from qeff_codegen.patterns.template import fill

ALIASES = {"nn": "torch.nn", "F": "torch.nn.functional", "silu": "torch.nn.functional.silu"}


def expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def code(*lines: str) -> Code:
    return Code("def f(x, y):\n" + "".join(f"    {line}\n" for line in lines), ALIASES)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("f($x, 'a')", 'f(\n    (b),  # why\n    "a",\n)'),
        ("f(a, k=1, l=2)", "f(a, l=2, k=1)"),
        ("nn.functional.silu($x)", "F.silu(b)"),
        ("nn.functional.silu($x)", "torch.nn.functional.silu(b)"),
        ("$x + $x", "a.b[0] + (a.b[0])"),
        ("$_ + $_", "a + b"),
        ("f($x, ...)", "f(a)"),
        ("f($x, ...)", "f(a, b, *c, k=1, **d)"),
        ("f(..., k=$x)", "f(a, j=2, k=1)"),
        ("f($...rest)", "f(a, *b, k=1)"),
        ("{$x.chunk(2, dim=-1), torch.chunk($x, 2, dim=-1)}", "torch.chunk(a, 2, dim=-1)"),
        ("{nn.functional.softmax, torch.softmax}($x)", "torch.softmax(a)"),
        ("x[..., 1]", "x[..., 1]"),
        ("x[$...axes, $n:]", "x[..., 0, 1:]"),
        ("lambda *$a: $b", "lambda *args: True"),
        ("($x, ...)", "(a, b, c)"),
    ],
)
def test_these_are_equal(pattern: str, text: str) -> None:
    assert match(Pattern(pattern), expression(text), ALIASES) is not None


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("$x + $x", "a + b"),
        ("f($x)", "f(a, b)"),
        ("f($x)", "f(a, k=1)"),
        ("f($x, k=1)", "f(a, 1)"),
        ("f($x)", "f(*a)"),
        ("nn.functional.silu($x)", "other.silu(b)"),
        ("x[..., 1]", "x[0, 0, 1]"),
        ("$x.to($y)", "a.to(b, c)"),
        ("$x + 1", "a - 1"),
        ("$x == 1", "a == True"),
        ("($x, ...)", "()"),
    ],
)
def test_these_are_not(pattern: str, text: str) -> None:
    assert match(Pattern(pattern), expression(text), ALIASES) is None


def test_annotations_and_augmented_assignments_are_plain_ones() -> None:
    shape = Pattern("$x = $x + $y")
    for line in ("x = x + y", "x: Tensor = x + y", "x += y"):
        assert match(shape, code(line).body[0]) is not None
    assert match(shape, code("x.a += y").body[0]) is None
    assert match(shape, code("x -= y").body[0]) is None


def test_statements_with_others_between_them() -> None:
    shape = Pattern("$a = f($b)\n...\nreturn $a")
    assert find_all(shape, code("z = f(x)", "y = 1", "return z"))[0]["b"].id == "x"  # type: ignore[attr-defined]
    # What lies between binds the name anew.
    assert find_all(shape, code("z = f(x)", "z = 1", "return z")) == []
    assert find_all(shape, code("z = f(x)", "for z in y:", "    pass", "return z")) == []


def test_statements_are_found_in_inner_blocks_and_do_not_overlap() -> None:
    found = find_all(Pattern("$a = 1\n$b = 2"), code("if x:", "    p = 1", "    q = 2", "p = 1", "q = 2", "q = 2"))
    assert [len(item.nodes) for item in found] == [2, 2]


def test_a_whole_block_matches_from_end_to_end() -> None:
    shape = Pattern("if x:\n    $a = 1")
    assert match(shape, code("if x:", "    y = 1").body[0]) is not None
    assert match(shape, code("if x:", "    y = 1", "    y = 2").body[0]) is None
    assert match(shape, code("if x:", "    y = 1", "else:", "    y = 2").body[0]) is None
    assert match(Pattern("if x:\n    $a = 1\n    ..."), code("if x:", "    y = 1", "    z = 2").body[0]) is not None


def test_named_patterns_share_what_is_bound() -> None:
    words = {"SEEN": "{$c.length() if $c is not None else 0, 0 if $c is None else $c.length()}"}
    shape = Pattern("$n = $SEEN + $c.extra", words)
    assert match(shape, code("n = (0 if k is None else k.length()) + k.extra").body[0]) is not None
    assert match(shape, code("n = (0 if k is None else k.length()) + j.extra").body[0]) is None
    with pytest.raises(KeyError):
        match(Pattern("$OTHER"), expression("a"))


def test_what_is_not_mentioned_is_not_looked_for() -> None:
    assert Pattern("$x.update($k, {self.a, b}, key=1)").identifiers == {"update", "key"}
    assert Pattern("self.config.size + nn.functional.silu($x)").identifiers == {"size", "silu"}
    assert Pattern("torch.cat($...all)").identifiers == {"cat"}


def test_an_imported_function_is_found_under_its_own_name() -> None:
    assert len(find_all(Pattern("nn.functional.silu($x)"), code("y = silu(x)"))) == 1


@pytest.mark.parametrize(
    ("find", "give", "line", "after"),
    [
        ("f($x)", "$x.g()", "y = f(a + b)", "y = (a + b).g()"),
        ("f($x)", "$x * 2", "y = f(a + b)", "y = (a + b) * 2"),
        ("f($x)", "g(y=$x)", "y = f(a + b)", "y = g(y=a + b)"),
        ("f($x, $...r)", "g($...r, $x)", "y = f(a, b, k=c)", "y = g(b, k=c, a)"),
        ("f($x)", "$x[0]", "y = f(a if b else c)", "y = (a if b else c)[0]"),
        ("f($x)", "not $x", "y = f(a or b)", "y = not (a or b)"),
        ("f($x)", "$x.g()", "y = f((a + b) * (c + d))", "y = ((a + b) * (c + d)).g()"),
        ("f($x)", "$x.g()", "y = f(1)", "y = (1).g()"),
        ("f($x)", "1 + $x", "y = f(1)", "y = 1 + 1"),
        ("f[$x]", "g($x)", "y = f[a, b]", "y = g((a, b))"),
        ("f($x)", "$x.g()", "y = f((a + b))", "y = (a + b).g()"),
        ("f($x)", "$x", "y = f(a + b) * 2", "y = (a + b) * 2"),
    ],
)
def test_templates_keep_what_they_are_filled_with_together(find: str, give: str, line: str, after: str) -> None:
    before = code(line)
    edits = Edits(before)
    for found in find_all(Pattern(find), before):
        assert isinstance(found.node, ast.expr)
        edits.replace(found.node, fill(give, found, edits))
    assert edits.done().text.splitlines()[1].strip() == after
