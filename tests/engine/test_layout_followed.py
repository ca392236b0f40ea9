"""Edits change whole lines: where a line holds more than its statement, the model is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.anatomy.recognise import recognise
from qeff_codegen.engine.draft import open_draft
from qeff_codegen.errors import Refusal
from tests.rewrite_rules.example_runner import SKELETON, example_model

LINE = "        hidden_states = self.input_layernorm(hidden_states)\n"


def opened(source: str) -> None:
    open_draft(recognise(read_modeling_file(replace(example_model(""), source=source))))


def test_a_statement_a_line_is_followed() -> None:
    opened(SKELETON.read_text())


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("        hidden_states = self.input_layernorm(hidden_states); unread = 1\n", "share a line"),
        ("        if True: hidden_states = self.input_layernorm(hidden_states)\n", "share a line"),
        ("        if True:\n        \thidden_states = self.input_layernorm(hidden_states)\n", "share a line"),
        ("        hidden_states = self.input_layernorm(hidden_states)  # \u2028\n", "ends a line for some"),
        ("        hidden_states = self.input_layernorm(hidden_states)\f\n", "ends a line for some"),
    ],
)
def test_lines_that_hold_more_are_refused(line: str, says: str) -> None:
    source = SKELETON.read_text()
    assert LINE in source
    with pytest.raises(Refusal, match=says):
        opened(source.replace(LINE, line))
