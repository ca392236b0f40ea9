"""The table of validated models: one row more, where the table's order wants it."""

from __future__ import annotations

from pathlib import Path

import pytest

from qeff_codegen.checkout.models_table import with_row
from qeff_codegen.errors import Refusal
from tests.checkout.conftest import CHECKOUT

PATH = Path("docs/source/validate.md")
TEXT = CHECKOUT[PATH.as_posix()]
ROW = "| **FigForCausalLM**     | Fig          | [fruit/fig](https://huggingface.co/fruit/fig) |          |\n"


def added(text: str = TEXT, architecture: str = "FigForCausalLM") -> str:
    return with_row(text, PATH, architecture, "Fig", "fruit/fig")


def test_the_last_row_of_a_table_that_is_not_sorted() -> None:
    assert added() == TEXT.replace("\n\n### Embedding", f"\n{ROW}\n### Embedding")


def test_the_sorted_place_of_a_table_that_is() -> None:
    lines = TEXT.splitlines(keepends=True)
    text = "".join([*lines[:6], lines[8], *lines[6:8], *lines[9:]])
    assert added(text) == "".join([*lines[:6], lines[8], ROW, *lines[6:8], *lines[9:]])


def test_an_architecture_that_is_there() -> None:
    assert added(TEXT, "PearForCausalLM") == TEXT
    assert added(added()) == added()


def test_a_file_that_ends_with_its_table() -> None:
    text = TEXT[: TEXT.index("\n\n### Embedding")]
    assert added(text) == f"{text}\n{ROW}"


def test_no_cell_is_a_placeholder() -> None:
    assert not {"TBD", "-", "--", "?", "N/A"} & {cell.strip() for cell in ROW.split("|")}


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ("### Text Generation Task", "### Other", "has no heading `### Text Generation Task`"),
        ("| Model Family", "| Family", "has no table of Architecture, Model Family, Representative Models below"),
        ("| **", "", "has no rows"),
    ],
)
def test_another_form_is_refused(before: str, after: str, what: str) -> None:
    with pytest.raises(Refusal, match=what) as caught:
        added(TEXT.replace(before, after))
    assert f"at       {PATH}:" in str(caught.value)
