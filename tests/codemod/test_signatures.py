"""What stands around a function's body, decorators and parameters, changes one by one."""

from __future__ import annotations

import pytest

from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.signatures import add_parameters, drop_decorators, drop_parameters, replace_parameter


def test_a_decorator_goes_with_the_comments_between_it_and_the_one_above() -> None:
    code = Code("# of f\n@first\n# of second\n@second(\n    1,\n)\n@third\ndef f():\n    pass\n")
    edits = Edits(code)
    drop_decorators(edits, code.tree.decorator_list[:2])
    assert edits.done().text == "# of f\n@third\ndef f():\n    pass\n"


@pytest.mark.parametrize(
    ("signature", "after"),
    [
        ("(a, b: int = 0, *, c)", "(a, n: T = None, *, c)"),
        ("(a, *, b=(1, 2), **c)", "(a, *, n: T = None, **c)"),
        ("(a)", "(a)"),
    ],
)
def test_a_parameter_takes_the_place_of_another(signature: str, after: str) -> None:
    edits = Edits(Code(f"def f{signature}:\n    pass\n"))
    replace_parameter(edits, "b", "n: T = None")
    assert edits.done().text == f"def f{after}:\n    pass\n"


def test_comments_above_a_parameter_stay_with_it() -> None:
    edits = Edits(Code("def f(\n    a,\n    b,  # of b\n    # of c\n    c,\n):\n    pass\n"))
    drop_parameters(edits, ["b"])
    assert edits.done().text == "def f(\n    a,\n    # of c\n    c,\n):\n    pass\n"


@pytest.mark.parametrize(
    ("signature", "after"),
    [
        ("(b,)", "()"),
        ("(a, *, b)", "(a)"),
        ("(\n    a,\n    *,\n    # 2 * b\n    b,\n)", "(\n    a,\n)"),
        ("(a=2 *3, *, b)", "(a=2 *3)"),
    ],
)
def test_a_bare_star_and_a_comma_go_with_the_last_parameter(signature: str, after: str) -> None:
    edits = Edits(Code(f"def f{signature}:\n    pass\n"))
    drop_parameters(edits, ["b"])
    assert edits.done().text == f"def f{after}:\n    pass\n"


def test_a_new_parameter_stands_before_a_bare_star_with_a_comment_behind_it() -> None:
    edits = Edits(Code("def f(\n    a,\n    *,\n    # of b\n    b,\n):\n    pass\n"))
    add_parameters(edits, {"n": "T"})
    assert edits.done().text == "def f(\n    a,\n    n: T = None,\n    *,\n    # of b\n    b,\n):\n    pass\n"
