"""Refused families by the idea that is missing, the most wanted first."""

from __future__ import annotations

import pytest

from qeff_codegen.coverage.family_result import FamilyResult
from qeff_codegen.site.family import families
from qeff_codegen.site.missing import ideas, without_names
from tests.site.conftest import SWEPT, refused


@pytest.mark.parametrize(
    ("reason", "idea"),
    [
        ("`ElmMixer` keeps a state: `self.conv`", "… keeps a state"),
        ("`ElmModel` builds several kinds: ElmSlidingLayer, ElmFullLayer", "… builds several kinds"),
        ("HYV4Layer must loop once, found 3 loops", "… must loop once, found … loops"),
        ("its loop takes parts from lists: self.attentions[i], self.ffns[i]", "its loop takes parts from lists"),
        ("`a` takes more than text: `b` embeds images by `nn.Conv2d`", "… takes more than text: … embeds images by …"),
        ("the KV cache of this is not RMS", "the KV cache of this is not RMS"),
    ],
)
def test_a_message_without_the_names_of_a_model(reason: str, idea: str) -> None:
    assert without_names(reason) == idea


def found(*swept: FamilyResult) -> list[tuple[str, str, list[str]]]:
    return [
        (idea.rule, idea.message, [family.name for family in idea.families])
        for idea in ideas(families([], {}, swept, []))
    ]


def test_the_largest_group_comes_first_and_groups_of_one_size_by_name() -> None:
    alone = refused("yew", "`Yew` does as no other", "a_rule")
    assert found(*SWEPT, alone) == [
        ("anatomy", "… keeps a state", ["elm", "fir", "later"]),
        ("a_rule", "… does as no other", ["yew"]),
        ("static_control_flow", "… is of no <kind> that is known", ["oak"]),
    ]


def test_the_same_message_of_two_rules_is_two_ideas() -> None:
    assert len(found(refused("a", "no loop"), refused("b", "no loop", "another"))) == 2


def test_the_order_does_not_depend_on_the_order_of_families() -> None:
    assert found(*SWEPT[::-1]) == found(*SWEPT)
