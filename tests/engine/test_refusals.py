"""A broken promise is refused with its place in upstream's file, wherever in the generated one it was noticed."""

from __future__ import annotations

import pytest

from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.anatomy.recognise import recognise
from qeff_codegen.engine.draft import open_draft
from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from tests.rewrite_rules.example_runner import example_model

COMPUTES = """
class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.self_attn = TinyAttention(config, layer_idx)

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        residual = hidden_states
        hidden_states, _ = self.self_attn(
            hidden_states, attention_mask=attention_mask * 2, past_key_values=past_key_values, **kwargs
        )
        return residual + hidden_states
"""


COMMENTED = COMPUTES.replace("        hidden_states, _", "        # attend\n        hidden_states, _")


def test_a_promise_broken_in_generated_code_is_placed_in_upstreams() -> None:
    with pytest.raises(Refusal) as caught:
        generate_model(example_model(COMPUTES))
    assert caught.value.what == "`TinyDecoderLayer` computes with the attention mask: `attention_mask * 2`"
    assert caught.value.location is not None
    assert "attention_mask=attention_mask * 2" in caught.value.location.excerpt


def test_a_construct_that_a_comment_precedes_is_placed_at_its_first_line_of_code() -> None:
    draft = open_draft(recognise(read_modeling_file(example_model(COMMENTED))))
    function = next(item for item in draft.functions if item.qualified_name == "TinyDecoderLayer.forward")
    statement = function.code.body[1]
    assert draft.location(function, statement).excerpt.strip() == "hidden_states, _ = self.self_attn("
