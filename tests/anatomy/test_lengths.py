"""Locals that count tokens, as a model's forward binds them."""

from __future__ import annotations

import ast

import pytest

from qeff_codegen.anatomy.lengths import Lengths, lengths_of
from qeff_codegen.codemod.tree import parse

SEEN = "past = past_key_values.get_seq_length() if past_key_values is not None else 0"


def lengths(*lines: str) -> Lengths:
    function = parse("\n    ".join(["def forward(self, inputs_embeds):", *lines])).body[0]
    assert isinstance(function, ast.FunctionDef)
    return lengths_of(function)


@pytest.mark.parametrize(
    "line",
    [
        "batch, new = input_ids.shape",
        "batch, new, _ = inputs_embeds.shape",
        "batch, new = inputs_embeds.size()[:-1]",
        "(batch, new) = input_ids.shape",
    ],
)
def test_sizes_unpacked(line: str) -> None:
    assert lengths(line) == Lengths(batch={"batch"}, new={"new"})


@pytest.mark.parametrize(
    "line",
    ["batch, new, size = inputs_embeds.shape", "batch, new = config.shape()", "new = inputs_embeds.shape[0]"],
)
def test_other_sizes_count_nothing(line: str) -> None:
    assert lengths(line) == Lengths()


def test_sums_of_new_and_seen() -> None:
    found = lengths("new = input_ids.shape[1]", SEEN, "total: int = new + past", "whole = past + input_ids.shape[1]")
    assert found == Lengths(new={"new"}, seen={"past"}, totals={"total", "whole"})


def test_a_total_is_one_by_name_or_written_out() -> None:
    found = lengths("new = input_ids.shape[1]", SEEN, "total = new + past")
    totals = ["total", "past + new", "hidden_states.shape[1] + past"]
    others = ["new", "past - new", "new + new", "past + other.shape[1]"]
    assert [found.is_total(ast.parse(text, mode="eval").body) for text in totals] == [True] * 3
    assert [found.is_total(ast.parse(text, mode="eval").body) for text in others] == [False] * 4


@pytest.mark.parametrize(
    ("shape", "second"), [("input_ids.shape", "-1"), ("inputs_embeds.shape[:-1]", "-1"), ("input_ids.size()", "1")]
)
def test_sizes_by_name(shape: str, second: str) -> None:
    found = lengths(f"shape = {shape}", f"new = shape[{second}]", "batch, length = shape")
    assert found == Lengths(batch={"batch"}, new={"new", "length"}, shapes={"shape"})


def test_the_last_size_of_embeddings_counts_nothing() -> None:
    assert lengths("shape = inputs_embeds.shape", "size = shape[-1]") == Lengths()


def test_what_holds_something_else_as_well_is_no_length() -> None:
    found = lengths("new = input_ids.shape[1]", SEEN, "total = new + past", "past = past + 1")
    assert found == Lengths(new={"new"})
