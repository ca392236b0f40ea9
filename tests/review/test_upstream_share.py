"""The share of upstream's own lines lies between none and all, and is none of a file without such forwards."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.generated_model import Edit, GeneratedModel
from qeff_codegen.review.upstream_share import upstream_share
from tests.rewrite_rules.example_runner import example_model


@pytest.fixture(scope="module")
def tiny() -> GeneratedModel:
    return generate_model(example_model(""))


def test_some_lines_are_upstreams_and_some_are_not(tiny: GeneratedModel) -> None:
    share = upstream_share(tiny)
    assert share is not None and 0 < share < 1


def test_without_edits_all_is_upstreams(tiny: GeneratedModel) -> None:
    assert upstream_share(replace(tiny, edits=())) == 1


def test_edited_throughout_nothing_is_upstreams(tiny: GeneratedModel) -> None:
    everything = Edit("rule", "f", None, (1, len(tiny.code.splitlines())))
    assert upstream_share(replace(tiny, edits=(everything,))) == 0


def test_without_attention_and_layers_there_is_no_share(tiny: GeneratedModel) -> None:
    others = tuple(role for role in tiny.roles if role.role in ("causal LM", "model"))
    assert upstream_share(replace(tiny, roles=others)) is None
