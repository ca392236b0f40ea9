"""A method's text in the place of its call keeps the places of its lines."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.anatomy.recognise import recognise
from qeff_codegen.engine.draft import Draft, open_draft
from qeff_codegen.engine.inlining import take_in
from tests.rewrite_rules.example_runner import example_model

BEFORE = """
class TinyMixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx

    def plain(self, states, past_key_values=None):
        \"\"\"The text.\"\"\"
        # Kept
        states = self.helped(states)
        past_key_values.update_recurrent_state(states, self.layer_idx)
        return states

    def helped(self, states):
        return states * 2

    def unread(self, states):
        return states * 3

    # Above forward

    def forward(self, hidden_states, past_key_values=None, attention_mask=None, **kwargs):
        hidden_states = hidden_states + 1
        self.unread(hidden_states)
        return self.plain(hidden_states, past_key_values)
"""


def draft() -> Draft:
    return open_draft(recognise(read_modeling_file(example_model(BEFORE))))


def test_lines_are_those_of_the_method() -> None:
    made = draft()
    functions = {item.name: item for item in made.functions if item.owner == "TinyMixer"}
    forward, plain = functions["forward"], functions["plain"]
    take_in(forward, forward.code.body[-1], plain, {"states": "hidden_states"}, "rule")
    text = made.anatomy.file.lines
    taken = forward.lines[-5:]
    assert [line.text for line in taken][:2] == ["    states = hidden_states", "    # Kept"]
    assert [text[line.replaces[0] - 1].strip() for line in taken] == [
        "return self.plain(hidden_states, past_key_values)",
        *(line.text.strip() for line in taken[1:]),
    ]
    assert {line.rules for line in taken} == {("rule",)} and {line.upstream for line in taken} == {None}
    assert ast.unparse(forward.code.tree) == ast.unparse(ast.parse("\n".join(line.text for line in forward.lines)))


def test_a_comment_above_a_definition_keeps_its_line() -> None:
    made = draft()
    forward = next(item for item in made.functions if item.qualified_name == "TinyMixer.forward")
    above = forward.lines[0]
    assert above.upstream is not None
    assert made.anatomy.file.lines[above.upstream - 1].strip() == above.text == "# Above forward"


def test_methods_that_nothing_calls_are_left() -> None:
    made = draft()
    forward = next(item for item in made.functions if item.qualified_name == "TinyMixer.forward")
    made.leave_uncalled("TinyMixer")
    assert {item.name for item in made.functions if item.owner == "TinyMixer"} == {
        "forward",
        "plain",
        "helped",
        "unread",
    }
    forward.replace(forward.code.with_text(forward.code.text.replace("    self.unread(hidden_states)\n", "")), "rule")
    made.leave_uncalled("TinyMixer")
    assert {item.name for item in made.functions if item.owner == "TinyMixer"} == {"forward", "plain", "helped"}
