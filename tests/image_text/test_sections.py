"""Image-text models with their text model in the same file, and positions of several kinds."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.upstream.find import find_model


def changed(name: str, before: str, after: str) -> GeneratedModel:
    upstream = find_model(name)
    assert before in upstream.source
    return generate_model(replace(upstream, source=upstream.source.replace(before, after, 1)))


def test_the_text_model_is_written_with_the_programs() -> None:
    model = generate_model(find_model("qwen2_vl"))
    replaced = {entry.upstream_class for entry in model.mappings}
    assert {"Qwen2VLTextModel", "Qwen2VLAttention", "Qwen2VLRMSNorm", "Qwen2VLForConditionalGeneration"} <= replaced
    # What the rules took for a causal LM is no class of anybody's.
    assert "WithHead" not in model.code and not any("WithHead" in name for name in replaced)
    assert "self.num_position_sections = 3" in model.code
    assert "self.rotary_emb(hidden_states, position_sections)" in model.code
    assert max(edit.upstream_lines[1] for edit in model.edits if edit.upstream_lines) <= len(model.upstream.lines)


def test_a_text_model_of_another_package_must_take_sections() -> None:
    assert 'takes="position_sections"' in generate_model(find_model("glm46v")).code
    assert "takes=" not in generate_model(find_model("glm4v")).code


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("position_ids = position_ids + delta.to", "position_ids = position_ids - delta.to"),
        ("self.rope_deltas is None or cache_length == 0", "self.rope_deltas is None or cache_length == 1"),
        ("torch.arange(cache_length, cache_length + seq_length)", "torch.arange(1, 1 + seq_length)"),
        ("            self.rope_deltas = rope_deltas\n", "            self.rope_deltas = rope_deltas + 1\n"),
        (
            "                input_ids,\n                image_grid_thw=image_grid_thw,\n",
            "                input_ids,\n                image_grid_thw=video_grid_thw,\n",
        ),
        (
            "                position_ids = attention_mask.long().cumsum(-1) - 1\n",
            "                position_ids, other = self.get_rope_index(input_ids)\n",
        ),
    ],
)
def test_positions_made_otherwise_are_refused(before: str, after: str) -> None:
    with pytest.raises(Refusal, match="makes positions by"):
        changed("qwen2_vl", before, after)


def test_positions_made_in_one_statement_are_refused() -> None:
    upstream = find_model("qwen2_vl")
    (made,) = [
        item
        for item in ast.walk(ast.parse(upstream.source))
        if isinstance(item, ast.FunctionDef) and item.name == "compute_3d_position_ids"
    ]
    lines = upstream.source.splitlines(keepends=True)
    lines[made.body[0].lineno - 1 : made.end_lineno] = ["        return self.get_rope_index(input_ids)\n"]
    with pytest.raises(Refusal, match="`Qwen2VLModel.forward` makes positions by `self.compute_3d_position_ids"):
        generate_model(replace(upstream, source="".join(lines)))


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (
            "[torch.cat(feat, dim=0) for feat in deepstack_image_embeds]",
            "[torch.cat(feat, dim=0) for feat in reversed(deepstack_image_embeds)]",
            "what goes into layers",
        ),
        ("[visual_pos_masks, :] + visual_embeds", "[visual_pos_masks, :] - visual_embeds", "deepstack_visual_embeds"),
        (
            'deepstack_image_embeds = mm_encoder_outputs["image"].deepstack_features',
            'deepstack_image_embeds = mm_encoder_outputs["image"].deepstack_features[1:]',
            "what goes into layers",
        ),
    ],
)
def test_features_for_layers_made_otherwise_are_refused(before: str, after: str, what: str) -> None:
    with pytest.raises(Refusal) as refused:
        changed("qwen3_vl", before, after)
    assert what in str(refused.value)


def test_features_of_layers_are_counted_by_the_towers_setting() -> None:
    code = generate_model(find_model("qwen3_vl")).code
    assert code.count("len(model.config.vision_config.deepstack_visual_indexes)") == 2
    assert "hidden_states + deepstack_visual_embeds[layer_idx]" in code
