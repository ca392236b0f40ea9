from __future__ import annotations

import tomllib
from pathlib import Path

import black
import pytest

from qeff_codegen.emit.formatting import formatted, formatted_imports
from qeff_codegen.targets.embedded import EMBEDDED
from qeff_codegen.targets.qefficient import QEFFICIENT

ROOT = Path(__file__).parents[2]
SOME = ("llama", "gpt2", "dbrx", "gemma4_text", "llama4")
BLOCKS = """\
class Layers:

    def forward(self, layers):

        for layer in layers:  # each

            # A comment of the block.
            layer()
        while (
            layers
        ):

            layers.pop()
        else:

            @staticmethod
            def done():

                return layers

        if layers is not None:

            # First.

            return layers
"""

RUFF = """\
class Layers:
    def forward(self, layers):
        for layer in layers:  # each
            # A comment of the block.
            layer()
        while layers:
            layers.pop()
        else:

            @staticmethod
            def done():
                return layers

        if layers is not None:
            # First.

            return layers
"""


def test_ruff_lets_no_blank_line_follow_the_header_of_a_block() -> None:
    text = formatted(BLOCKS, QEFFICIENT)
    # As ruff 0.15.22 lays it out.
    assert text == RUFF


def test_black_keeps_blank_lines_after_a_header() -> None:
    assert "layers:  # each\n\n" in formatted(BLOCKS)
    assert ":\n\n            layers.pop()" in formatted(BLOCKS)


def test_each_target_has_its_line_length() -> None:
    line = f"{'x' * 110} = 12345\n"
    call = line.replace("12345", "f(a, bc)")[1:]
    assert len(call) == 121
    assert formatted(call, QEFFICIENT) == call
    assert len(formatted(call).splitlines()) > 1


def test_black_of_this_repository_checks_what_is_checked_in() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["black"]
    assert settings["line-length"] == EMBEDDED.line_length
    assert "generated" not in settings["extend-exclude"]


@pytest.mark.parametrize("name", SOME)
def test_what_is_laid_out_stays_as_it_is(name: str) -> None:
    text = (ROOT / f"generated/{name}/modeling_{name}.py").read_text("utf-8")
    assert formatted(text, EMBEDDED) == text
    laid_out = formatted(text, QEFFICIENT)
    assert formatted(laid_out, QEFFICIENT) == laid_out


@pytest.mark.parametrize(
    "text",
    [
        "class A(B):\n    ...\n",
        "class A(B):\n    x = 1\n",
        'class A(b.C):\n    """Text."""\n    def f(self):\n        return  1\n',
        "class A(B):\n\n    def f(self, a,):\n        pass\n    # after\n",
        "class A(B, C):\n    def f(self): return 1\n",
        "class A (B) :\n    x=1\n",
        f"class {'A' * 60}({'B' * 60}):\n    x=1\n",
        "@final\nclass A(B):\n    x=1\n",
    ],
)
def test_a_class_is_laid_out_as_black_does_whatever_its_name(text: str) -> None:
    mode = black.Mode(line_length=EMBEDDED.line_length, target_versions={black.TargetVersion.PY311})
    assert formatted(text) == black.format_str(text, mode=mode)
    other = text.replace("class A", "class Other")
    assert formatted(other) == black.format_str(other, mode=mode)


def test_an_import_that_is_too_long_is_laid_out_as_black_does() -> None:
    names = ", ".join(f"name_{number:03}" for number in range(20))
    for line in (f"from some.module import {names}", f"from {'a' * 115} import b", "from a import b"):
        mode = black.Mode(line_length=EMBEDDED.line_length)
        assert formatted_imports(line, EMBEDDED) == black.format_str(line, mode=mode).rstrip("\n")
