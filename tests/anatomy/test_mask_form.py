"""The mask that reaches the attention is what the builder made, or true where that was not zero."""

from __future__ import annotations

import pytest

from qeff_codegen.anatomy.mask_form import MaskForm, mask_form
from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.anatomy.recognise import recognise
from qeff_codegen.upstream.source import UpstreamModel
from tests.rewrite_rules.example_runner import SKELETON

WHOLE = SKELETON.read_text()
LOOP = "        for decoder_layer in "


def form(statement: str = "", source: str = WHOLE) -> MaskForm:
    """The form where `statement` stands before the model's loop over its layers."""
    assert source.count(LOOP) == 1
    source = source.replace(LOOP, f"        {statement or 'pass'}\n{LOOP}")
    return mask_form(recognise(read_modeling_file(UpstreamModel("tiny", "modeling_tiny.py", "modeling_tiny", source))))


BUILT = "create_causal_mask(config=self.config, attention_mask=attention_mask)"


def test_the_builders_mask_is_added() -> None:
    assert form() is MaskForm.ADDED
    assert form(f"attention_mask = {BUILT}") is MaskForm.ADDED


@pytest.mark.parametrize("builder", ["create_causal_mask", "create_sliding_window_causal_mask"])
def test_a_mask_made_boolean_is_filled(builder: str) -> None:
    assert form(f"attention_mask = {builder}(self.config).to(torch.bool)") is MaskForm.FILLED
    assert form(f"masks = {{'full': {builder}(self.config).to(torch.bool)}}") is MaskForm.FILLED


def test_a_builder_under_another_name_is_the_builder() -> None:
    assert "import create_causal_mask, create_sliding_window_causal_mask" in WHOLE
    renamed = WHOLE.replace("import create_causal_mask, ", "import create_causal_mask, create_causal_mask as made, ")
    assert form("attention_mask = made(self.config).to(torch.bool)", renamed) is MaskForm.FILLED


@pytest.mark.parametrize(
    "statement",
    [
        # Not what a builder of masking_utils made.
        "seen = attention_mask.to(torch.bool)",
        "seen = self.embed_tokens(input_ids).to(torch.bool)",
        "seen = own_mask(self.config).to(torch.bool)",
        # Not boolean.
        f"seen = {BUILT}.to(torch.float32)",
        f"seen = {BUILT}.bool_like(torch.bool)",
    ],
)
def test_nothing_else_is_filled(statement: str) -> None:
    assert form(statement) is MaskForm.ADDED
