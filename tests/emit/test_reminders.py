from __future__ import annotations

import pytest

from qeff_codegen.emit.reminders import without_reminders
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.targets.embedded import EMBEDDED
from qeff_codegen.targets.qefficient import QEFFICIENT
from qeff_codegen.targets.target import Target
from tests.rewrite_rules.example_runner import example_model

REMINDER = "        # TODO(someone): one day,\n        # or never\n"
LAYER = f"""\
class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.self_attn = TinyAttention(config, layer_idx)
        self.input_layernorm = TinyRMSNorm(config.hidden_size)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        # Kept.
        residual = hidden_states
{REMINDER}        hidden_states = self.input_layernorm(hidden_states)
        hidden_states, _ = self.self_attn(
            hidden_states, attention_mask=attention_mask, past_key_values=past_key_values, **kwargs
        )
        return residual + hidden_states
"""


def test_a_reminder_goes_with_the_comment_lines_that_go_on_with_it() -> None:
    lines = ["a = 1", "# TODO: b", "#   and c", "b = 2  # FIXME stays", "", "# not a TODO", "    # XXX", "c = 3"]
    assert without_reminders(lines) == ["a = 1", "b = 2  # FIXME stays", "", "# not a TODO", "c = 3"]


@pytest.mark.parametrize(("target", "kept"), [(EMBEDDED, True), (QEFFICIENT, False)])
def test_reminders_stay_where_the_target_has_room_for_them(target: Target, kept: bool) -> None:
    model = generate_model(example_model(LAYER), target)
    assert (REMINDER in model.code) is kept
    assert "# Kept." in model.code
    removed = [edit for edit in model.edits if edit.rule == "emit.no_reminders"]
    upstream = model.upstream.source.splitlines()
    assert bool(removed) is not kept
    for edit in removed:
        assert edit.upstream_lines is not None
        first, last = edit.upstream_lines
        assert upstream[first - 1 : last] == REMINDER.splitlines()
