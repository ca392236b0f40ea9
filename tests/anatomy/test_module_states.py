"""States that modules keep on themselves are known by what is done with them; any other text is a known gap."""

from __future__ import annotations

import pytest

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.anatomy.recognise import recognise
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.errors import Refusal
from tests.rewrite_rules.example_runner import HERE, example_model

ON_ITSELF = (HERE / "no_states_set_up" / "zeros" / "before.py").read_text()
IN_ATTENTION = (HERE / "thread_arguments" / "mixer_of_an_attention" / "before.py").read_text()


def anatomy(before: str) -> Anatomy:
    return recognise(read_modeling_file(example_model(before)))


def test_a_window_and_a_recurrence_are_state_mixers_one_inside_the_other() -> None:
    found = {part.name: part for part in anatomy(ON_ITSELF).parts(Role.STATE_MIXER)}
    assert found.keys() == {"TinyMixer", "TinyScan"}
    assert found["TinyMixer"].called_as == ("self.mixer",) and not found["TinyMixer"].called_inside
    assert found["TinyScan"].called_inside == ("self.scan",) and not found["TinyScan"].called_as
    assert not any(part.cache_parameter for part in found.values())
    assert found["TinyMixer"].because[0] == "its forward keeps `self.conv_state` from call to call"


def test_an_attention_may_build_a_state_mixer() -> None:
    found = anatomy(IN_ATTENTION)
    (mixer,) = found.parts(Role.STATE_MIXER)
    assert mixer.called_inside == ("self.mixed",)
    assert found.candidates(Role.ATTENTION) == {"self.mixed": (mixer,)}
    assert "self.mixed" not in found.candidates(Role.DECODER_LAYER)


WINDOW, SCAN = "`TinyMixer` keeps a state .*`self.conv_state`", "`TinyScan` keeps a state .*`self.states`"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("padding=config.conv_kernel_size - 1", "padding=config.conv_kernel_size", WINDOW),
        ("groups=config.width", "groups=2", WINDOW),
        ("self.conv_state = both[:, :, 1:]", "self.conv_state = both[:, :, :-1]", WINDOW),
        ("columns = self.conv(columns)[..., :seq_len]", "columns = self.conv(columns)[..., -seq_len:]", WINDOW),
        ("recurrent_gate = recurrent_gate * ~reset", "recurrent_gate = 2 * recurrent_gate * ~reset", SCAN),
        ("position_ids[:, :, None] == 0", "position_ids[:, :, None] == 1", SCAN),
        ("acc_dtype=torch.float32", "acc_dtype=torch.float16", SCAN),
        ("reset=reset, recurrent", "reset=~reset, recurrent", SCAN),
    ],
)
def test_another_text_is_a_known_gap(old: str, new: str, message: str) -> None:
    assert old in ON_ITSELF
    with pytest.raises(Refusal, match=message):
        anatomy(ON_ITSELF.replace(old, new))
