"""Lines changed are those of a reviewer's diff, over the functions that the generated file holds."""

from __future__ import annotations

import ast
import difflib
import textwrap

import pytest

from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.generated_model import Edit, GeneratedModel
from qeff_codegen.review.lines_changed import lines_changed
from qeff_codegen.upstream.find import find_model
from qeff_codegen.upstream.source import UpstreamModel
from tests.rewrite_rules.example_runner import example_model

UPSTREAM = """\
class Plum(Module):
    def __init__(self):
        self.a = 1

    @decorated
    @again
    def forward(self, x):
        y = x + 1
        y = dropout(y)
        return y


def helper(x):
    return x
"""
GENERATED = """\
# Header.
import torch


class QEffPlum(Plum):
    def __qeff_init__(self):
        self.b = 2

    @decorated
    def forward(self, x):
        y = x + 1
        return y, x


def helper(x):
    return x
"""
EDITS = (
    Edit("emit", "", None, (1, 5)),
    Edit("one", "Plum.__qeff_init__", None, (6, 7)),
    Edit("emit", "", None, (8, 8)),
    Edit("two", "Plum.forward", (6, 6), None),
    Edit("two", "Plum.forward", (9, 10), (12, 12)),
    Edit("three", "Plum.forward", (9, 10), (12, 12)),
)


def model(upstream: str, generated: str, *edits: Edit) -> GeneratedModel:
    return GeneratedModel("plum", UpstreamModel("plum", "plum.py", "plum", upstream), generated, (), (), edits, ())


def test_added_and_removed_lines_are_counted_once_each() -> None:
    # Added: two of the new method, the new return. Removed: `@again`, the dropout, the old return.
    assert lines_changed(model(UPSTREAM, GENERATED, *EDITS)) == (3, 3)


def test_a_function_that_is_as_upstream_has_it_changes_nothing() -> None:
    assert lines_changed(model(UPSTREAM, UPSTREAM.replace("class Plum", "class QEffPlum"))) == (0, 0)


def test_a_function_written_anew_removes_all_of_upstreams() -> None:
    code = "class QEffPlum(Plum):\n    def forward(self, x):\n        return x\n"
    assert lines_changed(model(UPSTREAM, code, Edit("rule", "Plum.forward", None, (2, 3)))) == (2, 6)


def test_functions_that_are_not_emitted_do_not_count() -> None:
    assert lines_changed(model(UPSTREAM, "def helper(x):\n    return x\n")) == (0, 0)


def functions(source: str) -> dict[str, list[str]]:
    """The lines of every function, by its name and that of its class, without the layout of their place."""
    found = {}
    for node in ast.parse(source).body:
        for item in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(item, ast.FunctionDef):
                owner = node.name.removeprefix("QEff") if isinstance(node, ast.ClassDef) else ""
                first = min([item.lineno, *(decorator.lineno for decorator in item.decorator_list)])
                lines = source.splitlines()[first - 1 : item.end_lineno]
                found[f"{owner}.{item.name}"] = textwrap.dedent("\n".join(lines)).splitlines()
    return found


@pytest.mark.parametrize("name", ["tiny", "llama", "gpt2"])
def test_it_is_what_a_diff_says(name: str) -> None:
    """A diff may find a line or two alike, such as a return, that a rule wrote anew."""
    generated = generate_model(example_model("") if name == "tiny" else find_model(name))
    before, after = functions(generated.upstream.source), functions(generated.code)
    diff = [line[0] for key in after for line in difflib.ndiff(before.get(key, []), after[key])]
    expected = (diff.count("+"), diff.count("-"))
    found = lines_changed(generated)
    assert found[0] - found[1] == expected[0] - expected[1], "the difference in length"
    assert expected[0] <= found[0] <= expected[0] + 3
