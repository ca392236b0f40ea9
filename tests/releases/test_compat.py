"""Answers about families that are there, newer than the pin, gone, renamed or unknown."""

from __future__ import annotations

import pytest

from qeff_codegen.errors import Refusal, UsageError
from qeff_codegen.releases.compat import GONE, IN_PINNED, NEWER, Compat, compat
from tests.releases.conftest import TABLE

PIN = "5.1.2"


def answer(name: str, pinned: str = PIN) -> Compat:
    return compat(name, TABLE, pinned)


def test_always_there() -> None:
    found = answer("elm")
    assert found.as_json() == {
        "family": "elm",
        "causal_lm": "ElmForCausalLM",
        "first": "4.40.2",
        "since_table_begins": True,
        "last": None,
        "gone_in": None,
        "renamed_to": [],
        "served_by": [],
        "pinned": PIN,
        "state": IN_PINNED,
        "next": ["python -m qeff_codegen elm"],
        "notes": [],
    }


def test_newer_than_the_pin() -> None:
    found = answer("yew_text")
    assert (found.state, found.history.releases[0], found.history.since_table_begins) == (NEWER, "5.10.4", False)
    assert found.next == (
        "python -m qeff_codegen bump 5.10.4",
        "python -m qeff_codegen yew_text --transformers 5.10.4",
    )
    assert found.notes == ("what is generated from 5.10.4 needs 5.10.4 to run",)


def test_newer_with_a_class_that_the_pin_has() -> None:
    assert answer("damson").notes[1:] == ("transformers 5.1.2 has PlumForCausalLM already, as `plum`",)


def test_the_model_type_is_older_than_its_causal_lm() -> None:
    found = answer("ash")
    assert (found.state, found.history.releases) == (NEWER, ("5.10.4",))
    assert found.notes[1:] == ("transformers 5.1.2 has ash, without a causal LM",)


def test_gone_and_renamed() -> None:
    found = answer("old_oak")
    assert (found.state, found.history.last, found.history.gone_in) == (GONE, "5.0.0", "5.1.3")
    assert (found.history.renamed_to, found.history.served_by) == (("oak",), ())
    assert found.next == ("python -m qeff_codegen old-oak --transformers 5.0.0",)
    assert found.notes == (
        "what is generated from 5.0.0 needs 5.0.0 to run",
        "OakForCausalLM came back in 5.1.3 under another name: `oak`",
    )


def test_gone_while_another_family_keeps_its_class() -> None:
    found = answer("sloe")
    assert (found.history.renamed_to, found.history.served_by) == ((), ("plum",))
    assert found.notes[1:] == ("PlumForCausalLM is still there in 5.0.0, as `plum`",)


def test_in_the_pinned_release_and_gone_later() -> None:
    found = answer("old-oak", pinned="5.0.0")
    assert (found.state, found.next) == (IN_PINNED, ("python -m qeff_codegen old-oak",))
    assert found.notes == (
        "a bump to 5.1.3 or later loses old-oak",
        "OakForCausalLM came back in 5.1.3 under another name: `oak`",
    )


def test_away_for_one_release() -> None:
    found = answer("fir")
    assert (found.state, found.history.releases, found.history.last) == (NEWER, ("5.0.0", "5.10.4"), None)
    assert found.next[0] == "python -m qeff_codegen bump 5.10.4"
    assert answer("fir", pinned="5.0.0").notes == ()


@pytest.mark.parametrize("name", ["old-oak", "old_oak", "Old.Oak"])
def test_spellings(name: str) -> None:
    assert answer(name).history.family == "old-oak"


def test_unknown() -> None:
    with pytest.raises(UsageError) as caught:
        answer("olm")
    assert str(caught.value) == (
        "No transformers from 4.40.2 to 5.10.4 has a model `olm`. Near names: elm.\n"
        "A newer release is in the table after python -m qeff_codegen.releases.collect."
    )
    with pytest.raises(UsageError, match=r"`zzz`\. No causal LM has a near name\."):
        answer("zzz")


def test_a_model_type_without_a_causal_lm_is_refused_as_generating_it_is() -> None:
    with pytest.raises(Refusal) as caught:
        answer("yew")
    assert caught.value.what == "`yew` has no causal language model in any transformers from 4.40.2 to 5.10.4"
    assert caught.value.next_step == "ask for its text model: yew_text"
    with pytest.raises(Refusal) as caught:
        answer("yew_vision")
    assert caught.value.next_step == "choose a family that generates text"


def test_a_pin_that_the_table_lacks() -> None:
    with pytest.raises(UsageError) as caught:
        answer("elm", pinned="5.11.0")
    assert str(caught.value) == (
        "The table of families, 4.40.2 to 5.10.4, lacks the pinned transformers 5.11.0.\n"
        "Collect it again: python -m qeff_codegen.releases.collect"
    )
