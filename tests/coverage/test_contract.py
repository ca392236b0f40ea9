"""Which refusals the device's contract is the reason of, and which want a rule."""

from __future__ import annotations

import re

import pytest

from qeff_codegen.coverage.contract import _AGAINST, against_it
from qeff_codegen.coverage.family_result import REFUSED, FamilyResult
from qeff_codegen.coverage.page import as_markdown
from qeff_codegen.coverage.swept import TEXT, Swept
from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.upstream.find import find_model


def refused(name: str) -> FamilyResult:
    with pytest.raises(Refusal) as raised:
        generate_model(find_model(name))
    return FamilyResult(name, REFUSED, reason=raised.value.what, rule=raised.value.rule)


# One for each reason, of the installed release: what a refusal says may change, and then so must the table.
OF_CONTRACT = ("big_bird", "doge", "musicgen", "openai-gpt", "prophetnet", "xlnet", "gemma4_assistant")


@pytest.mark.parametrize("name", OF_CONTRACT)
def test_what_no_graph_of_the_contract_computes(name: str) -> None:
    result = refused(name)
    assert against_it(result)
    page = as_markdown({TEXT: Swept("9.8.7", 3, (result,))})
    assert (
        "### Refused by the device's contract" in page and "for want of a rule" not in page.partition("## Causal")[2]
    )


def test_every_reason_is_some_refusal_s() -> None:
    said = [refused(name).reason for name in OF_CONTRACT]
    assert [pattern for pattern in _AGAINST if not any(re.search(pattern, reason) for reason in said)] == []


@pytest.mark.parametrize("name", ["rwkv", "xlm", "blt", "minimax_m3_vl_text"])
def test_what_wants_a_rule(name: str) -> None:
    assert against_it(refused(name)) == ""
