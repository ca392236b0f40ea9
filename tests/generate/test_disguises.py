"""How a file is laid out, and what its locals are annotated with, decides nothing that is generated."""

from __future__ import annotations

import ast
from dataclasses import replace
from functools import cache

import pytest

from qeff_codegen.codemod.tree import parse
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.upstream.find import find_model
from tests.disguises import LAYOUTS, Disguise, annotated, in_narrow_lines
from tests.sample import SAMPLE


@cache
def generated(name: str, disguise: Disguise) -> str:
    """The code that is generated from a model's file in a disguise; `str` leaves it as it is."""
    upstream = find_model(name)
    disguised = replace(upstream, source=disguise(upstream.source))
    assert (disguised.source == upstream.source) is (disguise is str)
    return generate_model(disguised).code


def _without_docstring_layout(tree: ast.Module) -> str:
    """The tree as text; black moves the lines of a docstring, which are a string to `ast`."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        text = first.value if isinstance(first, ast.Expr) else None
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            text.value = " ".join(text.value.split())
    return ast.dump(tree)


@pytest.mark.parametrize("name", SAMPLE)
def test_layout_decides_nothing(name: str) -> None:
    plain, narrow = generated(name, str), generated(name, in_narrow_lines)
    assert _without_docstring_layout(ast.parse(narrow)) == _without_docstring_layout(ast.parse(plain))


@pytest.mark.parametrize("name", SAMPLE)
def test_annotations_decide_nothing(name: str) -> None:
    # `parse` reads an annotated assignment as a plain one.
    assert ast.dump(parse(generated(name, annotated))) == ast.dump(parse(generated(name, str)))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", SAMPLE)
def test_indentation_and_separators_decide_nothing(name: str, layout: Disguise) -> None:
    assert ast.dump(ast.parse(layout(find_model(name).source))) == ast.dump(ast.parse(find_model(name).source))
    assert ast.dump(ast.parse(generated(name, layout))) == ast.dump(ast.parse(generated(name, str)))
