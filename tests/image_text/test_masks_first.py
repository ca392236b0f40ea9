"""Masks that are made before images are, and what is made of them: carried over, or refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.upstream.find import find_model

BETWEEN = "does more between"


def changed(before: str, after: str) -> GeneratedModel:
    upstream = find_model("gemma4")
    assert before in upstream.source
    return generate_model(replace(upstream, source=upstream.source.replace(before, after)))


def test_masks_are_made_of_the_tokens() -> None:
    code = generate_model(find_model("gemma4")).code
    assert "(input_ids == self.config.image_token_id)\n            | (input_ids == self.config.video_token_id)" in code
    assert "inputs_embeds = self.language_model.get_input_embeddings()(token_ids)" in code
    assert "per_layer_inputs = self.language_model.get_per_layer_inputs(token_ids, inputs_embeds)" in code
    assert "text_model_of(model, model.model.language_model, takes=" in code
    assert "image_position_ids=self.image.image_position_ids" in code
    # Sound and videos are in neither program.
    assert "audio_tower" not in code and "input_features" not in code and "get_video_features" not in code


def test_a_setting_says_whether_image_tokens_attend_to_one_another() -> None:
    code = generate_model(find_model("gemma4")).code
    assert "blocks_of_images(is_image_token, position_ids, in_windows=True)\n" in code
    assert 'if self.config.get_text_config().use_bidirectional_attention == "vision"\n            else None' in code
    assert "    @property\n    def both_ways(self) -> str | None:" in code


def test_all_of_an_image_is_seen_past_windows() -> None:
    upstream = find_model("gemma4_unified")
    assert "blocks_of_images(is_image_token, position_ids, past_windows=True)\n" in generate_model(upstream).code
    for before, after in (
        ('["block_sequence_ids"] = block_sequence_ids', '["block_sequence_ids"] = -block_sequence_ids'),
        ("is_vision & ~is_prev_vision", "is_vision | ~is_prev_vision"),
    ):
        assert before in upstream.source
        with pytest.raises(Refusal, match=BETWEEN):
            generate_model(replace(upstream, source=upstream.source.replace(before, after)))


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (
            "multimodal_mask = image_mask | video_mask",
            "multimodal_mask = image_mask & video_mask",
            BETWEEN,
        ),
        ("torch.where(multimodal_mask, self", "torch.where(~multimodal_mask, self", BETWEEN),
        ("get_per_layer_inputs(llm_input_ids, llm", "get_per_layer_inputs(input_ids, llm", BETWEEN),
        (
            "            with torch.no_grad():\n                input_ids = (",
            "            pass\n        if True:\n                input_ids = (inputs_embeds",
            "what goes to the layers of the text model is made by",
        ),
        ("special_image_mask = input_ids == self", "special_image_mask = input_ids >= self", "the places of images"),
        (
            "                image_mask.to(inputs_embeds.device), image",
            "                ~image_mask, image",
            "places images by `~image_mask`",
        ),
        (
            "                image_mask.to(inputs_embeds.device), image",
            "                other, image",
            "one of the masks",
        ),
        ("is_prev_vision[..., 0] = False", "is_prev_vision[..., 0] = True", BETWEEN),
        ("full_mask = create_causal_mask(**mask_kwargs)", "full_mask = None", BETWEEN),
        ('use_bidirectional_attention == "vision"', 'use_bidirectional_attention == "all"', BETWEEN),
        ("logits = logits / final_logit", "logits = logits + final_logit", BETWEEN),
    ],
)
def test_what_is_made_otherwise_is_refused(before: str, after: str, what: str) -> None:
    with pytest.raises(Refusal) as refused:
        changed(before, after)
    assert what in str(refused.value)
    assert refused.value.location is not None
