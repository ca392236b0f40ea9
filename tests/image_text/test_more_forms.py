"""Masks that are made before the text model, scaled logits, tokens that stand in: carried over, or refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.upstream.find import find_model
from qeff_codegen.upstream.source import UpstreamModel
from tests.image_text.small_model import plum


def changed(name: str, before: str, after: str) -> UpstreamModel:
    """An installed family with `after` in the place of `before`, which it has."""
    found = find_model(name)
    assert before in found.source
    return replace(found, source=found.source.replace(before, after))


def test_image_tokens_attend_to_one_another() -> None:
    code = generate_model(find_model("gemma3")).code
    assert "with attending_within(blocks_of_images(is_image_token, position_ids)):\n" in code
    assert '    both_ways = "image"\n' in code


def test_a_prompt_s_tokens_attend_to_one_another_and_positions_are_counted_from_one() -> None:
    code = generate_model(find_model("paligemma")).code
    assert "with attending_within(block_of_prompt(position_ids)):\n" in code
    assert '    both_ways = "prompt"\n' in code
    assert "has_relative_positions(text_model_of(model, model.model.language_model))" in code


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("gemma3", "is_image = (token_type_ids == 1)", "is_image = (token_type_ids == 2)"),
        ("gemma3", "is_image = (token_type_ids == 1)", "is_image = ((token_type_ids == 0) == 1)"),
        ("gemma3", "or_mask_function=blockwise_overlay(padded_block_sequence_ids),\n", ""),
        ("gemma3", '"sliding_attention": sliding_mask,\n    }\n', '"sliding_attention": full_mask,\n    }\n'),
        ("paligemma", "torch.where(token_type_ids == 0, 0, -1)", "torch.where(token_type_ids == 1, 0, -1)"),
        ("paligemma", 'causal_mask = {\n                "full', 'causal_mask = {\n                "own'),
        ("paligemma", "position_ids.unsqueeze(0) + 1  # Pali", "position_ids.unsqueeze(0) + 2  # Pali"),
    ],
)
def test_another_mask_or_other_positions_are_refused(name: str, before: str, after: str) -> None:
    with pytest.raises(Refusal, match="does more between tokens and logits") as refused:
        generate_model(changed(name, before, after))
    assert refused.value.location is not None


EMBEDDING = "            inputs_embeds = self.get_input_embeddings()(input_ids)\n"
STANDING_IN = """\
            mask = (input_ids == self.config.plum_token) | (input_ids == self.config.pear_token)
            ids = input_ids.clone()
            ids[mask] = 3
            inputs_embeds = self.get_input_embeddings()(ids)
"""


def test_another_token_stands_in_for_images() -> None:
    code = generate_model(plum(EMBEDDING, STANDING_IN)).code
    assert "(input_ids == self.config.plum_token) | (input_ids == self.config.pear_token), 3\n" in code
    assert "inputs_embeds = self.talker.get_input_embeddings()(token_ids)" in code
    with pytest.raises(Refusal, match="does more between tokens and logits"):
        generate_model(plum(EMBEDDING, STANDING_IN.replace("== self.config.pear_token", "> self.config.pear_token")))


def test_logits_are_scaled_as_upstream_scales_them() -> None:
    scaled = """\
        logits = self.out(hidden) * self.config.scale
        cap = getattr(self.config, "cap", None)
        if cap is not None:
            logits = logits / cap
            logits = torch.tanh(logits)
            logits = logits * cap
"""
    code = generate_model(plum("        logits = self.out(hidden)\n", scaled)).code
    assert scaled.replace("self.out(hidden)", "logits") in code
    assert "        logits = self.out(hidden_states)\n        logits = logits * self.config.scale\n" in code


@pytest.mark.parametrize(
    "after",
    [
        "        logits = self.out(hidden) * hidden.mean()\n",
        "        logits = self.out(hidden)\n        logits = logits + self.config.bias\n",
        "        logits = self.out(hidden)\n        logits = torch.softmax(logits, -1)\n",
        "        logits = self.out(hidden)\n        cap = getattr(self.config, 'cap', None)\n"
        "        if cap is None:\n            logits = logits / cap\n",
    ],
)
def test_logits_that_are_changed_otherwise_are_refused(after: str) -> None:
    with pytest.raises(Refusal, match="does more between tokens and logits"):
        generate_model(plum("        logits = self.out(hidden)\n", after))


@pytest.mark.parametrize(
    ("given", "taken", "layout"),
    [
        ("image_grid_thw=image_grid_thw", "image_grid_thw", "PatchRows"),
        (
            "spatial_shapes=spatial_shapes, pixel_attention_mask=pixel_attention_mask",
            "spatial_shapes, pixel_attention_mask",
            "PatchTable",
        ),
        ("target_sizes=target_sizes", "target_sizes", "PatchStrip"),
    ],
)
def test_what_a_processor_gives_says_how_pixels_are_laid_out(given: str, taken: str, layout: str) -> None:
    source = plum("image_sizes=image_sizes)", f"{given})")
    own = source.source.replace("pixel_values, image_sizes=None, **kwargs):", f"pixel_values, {taken}, **kwargs):")
    own = own.replace("if image_sizes is not None:", f"if {taken.split(',')[0]} is not None:")
    own = own.replace("torch.split(found, image_sizes)", "torch.split(found, 2)")
    code = generate_model(replace(source, source=own)).code
    assert f"self.image = {layout}(model.config, image_size)" in code


def test_patches_that_are_convolved_are_small_images() -> None:
    code = generate_model(find_model("kimi_k25")).code
    assert "self.image = PatchSquares(model.config, image_size)" in code


def test_tokens_may_be_looked_up_in_the_text_model_s_own_table() -> None:
    code = generate_model(find_model("paddleocr_vl")).code
    assert "inputs_embeds = self.language_model.get_input_embeddings()(input_ids)" in code
    assert "self.image = PatchSquares(model.config, image_size)" in code
    with pytest.raises(Refusal, match="does more between tokens and logits"):
        generate_model(changed("paddleocr_vl", "self.language_model.embed_tokens(input_ids)", "self.other(input_ids)"))


def test_a_projection_is_a_tower_of_one_layer() -> None:
    code = generate_model(find_model("fuyu")).code
    assert "self.image = PatchTable(model.config, image_size)" in code
    assert "return joined_embeds(image_outputs.last_hidden_state)" in code


def test_an_embedding_of_a_class_of_its_own_is_an_embedding() -> None:
    code = generate_model(find_model("muse_glimmer")).code
    assert "class QEffMuseGlimmerTextModel(MuseGlimmerTextModel):" in code
    other = changed(
        "muse_glimmer",
        "class MuseGlimmerTextNormedEmbedding(nn.Embedding):",
        "class MuseGlimmerTextNormedEmbedding(nn.Module):",
    )
    assert "class QEffMuseGlimmerTextModel" not in generate_model(other).code
