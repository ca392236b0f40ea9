"""The test configurations: one entry more at the end of one list, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qeff_codegen.checkout.configurations_file import has_configuration, with_configuration
from qeff_codegen.errors import Refusal
from tests.checkout.conftest import CHECKOUT

PATH = Path("tests/configs/causal_model_configs.json")
TEXT = CHECKOUT[PATH.as_posix()]


def added(text: str = TEXT, name: str = "fruit/fig", model_type: str = "fig") -> str:
    return with_configuration(text, PATH, name, model_type, {"hidden_size": 64, "layer_types": ["full_attention"]})


def test_the_entry_comes_last_and_everything_else_stays() -> None:
    entry = """,
    {
      "model_name": "fruit/fig",
      "model_type": "fig",
      "additional_params": {
        "hidden_size": 64,
        "layer_types": [
          "full_attention"
        ]
      }
    }"""
    assert entry in added()
    assert added().replace(entry, "") == TEXT
    assert json.loads(added())["causal_lm_models"][-1]["model_type"] == "fig"


@pytest.mark.parametrize(("name", "model_type"), [("fruit/other", "apple"), ("fruit/apple", "other")])
def test_a_model_type_or_a_checkpoint_that_is_there_stays_alone(name: str, model_type: str) -> None:
    assert added(TEXT, name, model_type) == TEXT


def test_a_second_time_changes_nothing() -> None:
    assert added(added()) == added()
    assert has_configuration(added(), PATH, "fig")
    assert not has_configuration(TEXT, PATH, "fig")


def test_line_ends_and_indents_are_the_file_s() -> None:
    wide = json.dumps(json.loads(TEXT), indent=4).replace("\n", "\r\n")
    text = added(wide)
    assert text.count("\n") == text.count("\r\n")
    assert json.dumps(json.loads(text), indent=4).replace("\n", "\r\n") == text


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ('{\n"causal_lm_models": [,]}', "is no JSON: ", 2),
        ("[]", "has no list `causal_lm_models` of objects", 1),
        ('{"causal_lm_models": []}', "has no list `causal_lm_models` of objects", 1),
        ('{"other": {"causal_lm_models": [{}]}}', "has no list `causal_lm_models` of objects", 1),
    ],
)
def test_another_form_is_refused(text: str, what: str, line: int) -> None:
    with pytest.raises(Refusal, match=what) as caught:
        added(text)
    assert f"at       {PATH}:{line}\n" in str(caught.value)
