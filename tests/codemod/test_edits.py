"""Edits change what they name and nothing else: layout, comments and strings stay."""

from __future__ import annotations

import ast

import pytest

from qeff_codegen.codemod.calls import add_keywords, drop_arguments, drop_keywords
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.layout import indented, kept_lines
from qeff_codegen.codemod.names import assigned, drop_assignments, drop_overwritten, rename, values_of
from qeff_codegen.codemod.signatures import add_parameters, drop_parameters

TEXT = '''\
# above
def f(a, b):
    """Says.

      Further in.
    """
    # first
    x = (a + b)  # tail

    # about y
    y: int = g((x), z=(x * 2))
    if (y):
        # inside
        x = 3
    return f(x)
'''


def only(code: Code, kind: type[ast.AST]) -> ast.AST:
    (found,) = code.nodes(kind)
    return found


def body(*lines: str) -> Code:
    return Code("def f(a, b):\n" + "".join(f"    {line}\n" for line in lines))


def lines_of(edits: Edits) -> list[str]:
    return [line.removeprefix("    ") for line in edits.done().text.splitlines()[1:]]


def test_nothing_to_edit_gives_the_code_itself() -> None:
    code = Code(TEXT)
    assert Edits(code).done() is code


def test_an_annotated_assignment_is_an_assignment_and_keeps_its_annotation() -> None:
    code = Code(TEXT)
    statement = code.body[2]
    assert isinstance(statement, ast.Assign)
    edits = Edits(code)
    edits.replace(statement.value, "h()")
    assert "    y: int = h()\n" in edits.done().text


@pytest.mark.parametrize(
    ("line", "old", "new", "after"),
    [
        ("x = (a) * b", "a", "c + d", "x = (c + d) * b"),
        ("x = a * b", "a", "c.d", "x = c.d * b"),
        ("x = a.b", "a", "c + d", "x = (c + d).b"),
        ("x = a[b]", "a", "c if d else e", "x = (c if d else e)[b]"),
        ("x = f(a)", "a", "c + d", "x = f(c + d)"),
        ("x = f((a))", "a", "c + d", "x = f(c + d)"),
        ("x = f(k=(a))", "a", "c", "x = f(k=c)"),
        ("x = f(a)", "a", "c, d", "x = f((c, d))"),
        ("x = -a", "a", "c + d", "x = -(c + d)"),
        ("x = a if b else 1", "a", "c if d else e", "x = (c if d else e) if b else 1"),
        ("x = not a", "a", "c or d", "x = not (c or d)"),
        ("x = a == b", "a", "c == d", "x = (c == d) == b"),
        ("x = 'a' + (  # why\na\n)", "a", "c", "x = 'a' + c"),
        ("x = 'é' + a", "a", "c", "x = 'é' + c"),
    ],
)
def test_an_expression_stays_one_where_it_is_put(line: str, old: str, new: str, after: str) -> None:
    code = body(line)
    edits = Edits(code)
    for node in code.nodes(ast.Name):
        if node.id == old:
            edits.replace(node, new)
    assert lines_of(edits) == after.splitlines()


def test_an_outer_edit_takes_what_an_inner_one_made() -> None:
    code = body("x = outer(inner(a), b)")
    outer, inner = code.nodes(ast.Call)
    edits = Edits(code)
    edits.replace(inner, "changed")
    edits.replace(outer, f"wrapped({edits.text_of(outer.args[0])})")
    assert lines_of(edits) == ["x = wrapped(changed)"]


def test_a_statement_goes_with_what_stands_above_it_and_an_emptied_block_passes() -> None:
    code = Code(TEXT)
    edits = Edits(code)
    edits.remove(code.body[2])
    branch = code.body[3]
    assert isinstance(branch, ast.If)
    edits.remove(branch.body[0])
    assert edits.done().text.splitlines()[6:] == [
        "    # first",
        "    x = (a + b)  # tail",
        "    if (y):",
        "        pass",
        "    return f(x)",
    ]


def test_a_deeper_comment_belongs_to_the_block_above() -> None:
    code = body("if a:", "    x = 1", "    # of the block", "# of y", "y = 2", "return x")
    edits = Edits(code)
    edits.remove(code.body[1])
    assert lines_of(edits) == ["if a:", "    x = 1", "    # of the block", "return x"]


def test_statements_are_put_at_their_place() -> None:
    code = Code(TEXT)
    edits = Edits(code)
    edits.insert_above(code.body[2], "k = 1")
    edits.insert_under_gap(code.body[3], "k = 2")
    edits.insert_below(code.body[3], 'k = """3\n  4"""')
    edits.replace_statement(code.body[4], "if k:\n    return x\nreturn None")
    assert edits.done().text.splitlines()[7:] == [
        "    x = (a + b)  # tail",
        "    k = 1",
        "",
        "    # about y",
        "    y: int = g((x), z=(x * 2))",
        "    k = 2",
        "    if (y):",
        "        # inside",
        "        x = 3",
        '    k = """3',
        '  4"""',
        "    if k:",
        "        return x",
        "    return None",
    ]


def test_lines_inside_strings_keep_their_blanks() -> None:
    text = 'x = """a\n  b"""\ny = 1\n'
    assert indented(text, "    ", kept_lines(ast.parse(text))) == '    x = """a\n  b"""\n    y = 1\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f(a, **kwargs)", "f(a, new=x, **kwargs)"),
        ("f(a)", "f(a, new=x)"),
        ("f()", "f(new=x)"),
        ("f(\n    a,\n    **kwargs,\n)", "f(\n    a,\n    new=x,\n    **kwargs,\n)"),
        ("f(\n    a,\n    b=b,\n)", "f(\n    a,\n    b=b,\n    new=x,\n)"),
    ],
)
def test_keywords_are_added_before_spread_ones(before: str, after: str) -> None:
    code = Code(f"def _():\n    {before}\n")
    edits = Edits(code)
    call = only(code, ast.Call)
    assert isinstance(call, ast.Call)
    add_keywords(edits, call, {"new": "x"})
    assert edits.done().text == f"def _():\n    {after}\n"


@pytest.mark.parametrize(
    ("before", "gone", "after"),
    [
        ("f(a, b=b, c=c)", ["b"], "f(a, c=c)"),
        ("f(a, b=b, c=c)", ["b", "c"], "f(a)"),
        ("f(b=b, c=c)", ["b"], "f(c=c)"),
        ("f(b=b,)", ["b"], "f()"),
        ("f(\n    a,\n    b=b,\n)", ["b"], "f(\n    a,\n)"),
        ("f(a)", ["b"], "f(a)"),
    ],
)
def test_keywords_are_dropped(before: str, gone: list[str], after: str) -> None:
    code = Code(f"def _():\n    {before}\n")
    edits = Edits(code)
    call = only(code, ast.Call)
    assert isinstance(call, ast.Call)
    assert drop_keywords(edits, call, gone) is (before != after)
    assert edits.done().text == f"def _():\n    {after}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(a, **kwargs): ...\n", "def f(a, new: int | None = None, **kwargs): ...\n"),
        (
            "def f(\n    a,\n    b=1,  # why\n    **kwargs,\n): ...\n",
            "def f(\n    a,\n    b=1,  # why\n    new: int | None = None,\n    **kwargs,\n): ...\n",
        ),
        (
            "def f(\n    a,\n    b=1,\n): ...\n",
            "def f(\n    a,\n    b=1,\n    new: int | None = None,\n): ...\n",
        ),
        (
            "def f(\n    a,\n    b=1,  # why\n): ...\n",
            "def f(\n    a,\n    b=1,  # why\n    new: int | None = None,\n): ...\n",
        ),
        ("def f(a, *, c=1): ...\n", "def f(a, new: int | None = None, *, c=1): ...\n"),
        ("def f(a, *args): ...\n", "def f(a, new: int | None = None, *args): ...\n"),
        ("def f(): ...\n", "def f(new: int | None = None): ...\n"),
    ],
)
def test_parameters_are_added_in_the_layout_that_is_there(before: str, after: str) -> None:
    edits = Edits(Code(before))
    add_parameters(edits, {"a": "int", "new": "int | None"} if "a" in before.split(")")[0] else {"new": "int | None"})
    assert edits.done().text == after


@pytest.mark.parametrize(
    ("signature", "gone", "after"),
    [
        ("a, b=1, *, c=2", ["b", "c"], "a"),
        ("a, b=1, *, c=2", ["c"], "a, b=1"),
        ("a, b=1, *, c=2", ["b"], "a, *, c=2"),
        ("a, b=1, *, c=2", ["x"], "a, b=1, *, c=2"),
        ("a, b=1, **kwargs", ["b"], "a, **kwargs"),
        ("a, *, b=1, **kwargs", ["b"], "a, **kwargs"),
        ("a, b=(1), c: int = 2", ["a"], "b=(1), c: int = 2"),
    ],
)
def test_parameters_are_dropped(signature: str, gone: list[str], after: str) -> None:
    edits = Edits(Code(f"def f({signature}): ...\n"))
    assert drop_parameters(edits, gone) is (signature != after)
    assert edits.done().text == f"def f({after}): ...\n"


def test_a_name_is_renamed_and_attributes_and_keywords_of_the_same_name_are_not() -> None:
    code = Code("def f(cache, x):\n    cache.cache = g(cache=cache)\n    return x\n")
    edits = Edits(code)
    assert rename(edits, "cache", "kept") == 3
    assert edits.done().text == "def f(kept, x):\n    kept.cache = g(cache=kept)\n    return x\n"


@pytest.mark.parametrize(
    ("line", "found"),
    [("x = f(y)", ("x", "f(y)")), ("x: T = 1", ("x", "1")), ("x: T", None), ("x = y = 1", None), ("f()", None)],
)
def test_what_is_assigned(line: str, found: tuple[str, str] | None) -> None:
    result = assigned(body(line).body[0])
    assert (result and (result[0], ast.unparse(result[1]))) == found


def test_everything_a_local_is_bound_to() -> None:
    code = body("x = 1", "x: int = 2", "x += 3", "y = x")
    assert [ast.unparse(item) for item in values_of("x", code)] == ["1", "2", "x += 3"]


def test_assignments_are_dropped() -> None:
    edits = Edits(body("a = 1", "b = 2", "return b"))
    assert drop_assignments(edits, {"a"}) == 1
    assert lines_of(edits) == ["b = 2", "return b"]


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        (["m = f()", "m = g()", "return m"], ["m = g()", "return m"]),
        (["m = f()", "m = g(m)", "return m"], ["m = f()", "m = g(m)", "return m"]),
        (["m = f()", "if x:", "    use(m)", "m = g()"], ["m = f()", "if x:", "    use(m)", "m = g()"]),
    ],
)
def test_overwritten_assignments_are_dropped(before: list[str], kept: list[str]) -> None:
    edits = Edits(body(*before))
    drop_overwritten(edits, "m")
    assert lines_of(edits) == kept


def test_a_generator_that_shares_its_parentheses_with_a_call_gets_its_own() -> None:
    code = body("x = f(item for item in a)")
    (call,) = code.nodes(ast.Call)
    edits = Edits(code)
    add_keywords(edits, call, {"c": "b"})
    assert lines_of(edits) == ["x = f((item for item in a), c=b)"]
    edits = Edits(code)
    drop_arguments(edits, call, call.args)
    assert lines_of(edits) == ["x = f()"]
