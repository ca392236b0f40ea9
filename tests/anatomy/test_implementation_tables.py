"""A table of implementations is a dictionary from names, `eager` among them, to classes of the file."""

from __future__ import annotations

import ast

import pytest

from qeff_codegen.anatomy.implementation_tables import (
    ImplementationTable,
    chosen_by_flash,
    find_implementation_tables,
)

CLASSES = {"Plain", "Sdpa", "Flash"}


def tables(source: str) -> dict[str, ImplementationTable]:
    return find_implementation_tables(ast.parse(source), CLASSES)


def test_the_eager_class_and_the_others_in_order() -> None:
    assert tables('TABLE = {"flash_attention_2": Flash, "eager": Plain, "sdpa": Sdpa}') == {
        "TABLE": ImplementationTable("Plain", ("Flash", "Sdpa"))
    }


def test_a_class_is_named_once_and_the_eager_one_is_no_other() -> None:
    assert tables('TABLE = {"eager": Plain, "sdpa": Flash, "flex": Plain, "flash_attention_2": Flash}') == {
        "TABLE": ImplementationTable("Plain", ("Flash",))
    }
    assert tables('TABLE = {"eager": Plain, "sdpa": Plain}') == {"TABLE": ImplementationTable("Plain", ())}


def test_every_name_of_the_table_is_one() -> None:
    found = tables('A = B = {"eager": Plain}\nC = {"eager": Sdpa}')
    assert {name: table.eager for name, table in found.items()} == {"A": "Plain", "B": "Plain", "C": "Sdpa"}


@pytest.mark.parametrize(
    "source",
    [
        "",
        "TABLE = {}",
        'TABLE = {"sdpa": Sdpa, "flash_attention_2": Flash}',
        # An entry that is not understood could be the one that is used.
        'TABLE = {"eager": Plain, "sdpa": Elsewhere}',
        'TABLE = {"eager": Plain, "sdpa": module.Sdpa}',
        'TABLE = {"eager": Plain, SDPA: Sdpa}',
        'TABLE = {"eager": Plain, **OTHERS}',
        'TABLE = {"eager": Plain, "eager": Sdpa}',
        "TABLE = dict(eager=Plain)",
        # Not of the module.
        'def choose():\n    TABLE = {"eager": Plain}',
        'class Holder:\n    TABLE = {"eager": Plain}',
        'holder.TABLE = {"eager": Plain}',
    ],
)
def test_nothing_else_is_a_table(source: str) -> None:
    assert tables(source) == {}


ENABLED = "getattr(config, '_flash_attn_2_enabled', False)"


@pytest.mark.parametrize(
    "source", [f"Plain(config) if not {ENABLED} else Flash(config)", f"Flash(config) if {ENABLED} else Plain(config)"]
)
def test_two_classes_that_flash_attention_chooses_between(source: str) -> None:
    assert chosen_by_flash(ast.parse(source, mode="eval").body, CLASSES) == ImplementationTable("Plain", ("Flash",))


@pytest.mark.parametrize(
    "source",
    [
        "Plain(config) if not config.flash else Flash(config)",
        f"Plain(config) if not {ENABLED} else Elsewhere(config)",
        f"Plain if not {ENABLED} else Flash",
        "Plain(config)",
    ],
)
def test_nothing_else_chooses_between_two(source: str) -> None:
    assert chosen_by_flash(ast.parse(source, mode="eval").body, CLASSES) is None
