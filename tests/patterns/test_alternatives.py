"""Several spellings in one pattern."""

from __future__ import annotations

from qeff_codegen.codemod.code import Code
from qeff_codegen.patterns.match import find_all
from qeff_codegen.patterns.pattern import Pattern


def test_a_place_that_two_spellings_could_have_is_found_once() -> None:
    code = Code("def forward(self, x):\n    y = x[0]\n    return x.view(1) + x.view((1, 2)) + y\n")
    found = find_all(Pattern("{x.view($size), x[$size], x.view((1, $size))}"), code)
    assert [code.segment(item["size"]) for item in found] == ["0", "1", "(1, 2)"]
