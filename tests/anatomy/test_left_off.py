"""What a model is built without is known by everything that builds and calls its parts."""

from __future__ import annotations

import pytest

from qeff_codegen.anatomy.left_off import never_given, switches_left_off
from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.anatomy.recognise import recognise
from tests.rewrite_rules.example_runner import HERE, example_model

WITHOUT = (HERE / "no_trained_prompt" / "left_off" / "before.py").read_text()
PROMPT = "layer_prompt=prompts[layer_number] if self.use_prompt else None"


@pytest.mark.parametrize(
    ("old", "new", "left_off"),
    [
        ("", "", {"use_prompt"}),
        (
            "self.use_prompt = use_prompt",
            "use_prompt = config.use_prompt\n        self.use_prompt = use_prompt",
            set(),
        ),
        ("use_prompt=False", "use_prompt=True", set()),
    ],
)
def test_a_switch_is_off_where_nothing_turns_it_on(old: str, new: str, left_off: set[str]) -> None:
    anatomy = recognise(read_modeling_file(example_model(WITHOUT.replace(old, new))))
    builders = [anatomy.file.classes[name] for name in anatomy.reachable]
    assert switches_left_off(anatomy.model.cls, builders) == left_off


@pytest.mark.parametrize(
    ("old", "new", "never"),
    [
        ("", "", True),
        (PROMPT, "layer_prompt=None", True),
        (PROMPT, "layer_prompt=self.prompts", False),
        ("prompt=layer_prompt", "prompt=hidden_states", False),
    ],
)
def test_an_argument_is_never_given_where_every_caller_leaves_it(old: str, new: str, never: bool) -> None:
    anatomy = recognise(read_modeling_file(example_model(WITHOUT.replace(old, new))))
    attention = next(part for part in anatomy.path if part.name == "TinyAttention")
    assert ("prompt" in never_given(anatomy, attention)) is never
