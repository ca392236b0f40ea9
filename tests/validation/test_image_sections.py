"""Positions by rows and columns, and features for layers: graphs take them by their names, a wrong one is noticed."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.decoding.position_sections import PromptSections, sections_of_call
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec, window_of
from qeff_codegen.export.kept_layers import layers_kept
from qeff_codegen.export.kv_cache import feature_layers_of, position_sections_of
from qeff_codegen.export.vision_export import export_vision
from qeff_codegen.runtime import images
from qeff_codegen.runtime.windows import sliding
from qeff_codegen.tiny_models.image_families import image_variants
from qeff_codegen.validation.image_scenarios import CTX_LEN
from qeff_codegen.validation.image_subject import ImageSubject, image_subject
from qeff_codegen.validation.results import DIFFERENT, EQUAL, PREFLIGHT_PASSED
from tests.validation.test_images import GENERATED, axes, family, stages, subject_of


@pytest.fixture(scope="module")
def subject() -> ImageSubject:
    found = subject_of("qwen3_vl")
    assert found.notes == ()
    return found


def different(subject: ImageSubject) -> set[str]:
    return {row for row, result in stages(subject, 2).items() if result[1].status == DIFFERENT}


def _columns_for_rows(*given: Any) -> np.ndarray:
    return sections_of_call(*given)[[0, 2, 1]]


def _none_ahead(sections: Sequence[PromptSections], position_ids: np.ndarray) -> np.ndarray:
    return sections_of_call([replace(own, ahead=0) for own in sections], position_ids)


def _last_layer_first(is_image: Any, positions: Any, deep: torch.Tensor, used: Any) -> torch.Tensor:
    return images.place_deep_embeds(is_image, positions, deep.flip(0), used)


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ("qeff_codegen.decoding.image_prompts.sections_of_call", _columns_for_rows),
        ("qeff_codegen.decoding.image_prompts.sections_of_call", _none_ahead),
        ("generated.qwen3_vl.modeling_qwen3_vl.place_deep_embeds", _last_layer_first),
    ],
)
def test_what_is_wrong_of_an_image_is_noticed(
    place: str, wrong: Any, subject: ImageSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_transforms("qwen3_vl", GENERATED)
    monkeypatch.setattr(place, wrong)
    found = different(subject)
    assert {"one image", "ragged batch", "images of two sizes"} <= found
    assert "text alone" not in found


def test_names_and_axes_are_the_contract_s(subject: ImageSubject, tmp_path: Path) -> None:
    model = load_transforms("qwen3_vl", GENERATED).apply(copy.deepcopy(subject.model))
    decoder = model.get_qeff_language_decoder().eval()
    encoder = model.get_qeff_vision_encoder(subject.layouts[0].image_size).eval()
    vision = onnx.load(export_vision(encoder, tmp_path / "vision.onnx")).graph
    assert axes(vision.output)["vision_embeds"] == [1, 6, 64]
    assert axes(vision.output)["deepstack_features"] == [2, 1, 6, 64]
    spec = ExportSpec(
        ctx_len=32,
        images=True,
        feature_layers=feature_layers_of(decoder),
        position_sections=position_sections_of(decoder),
    )
    language = onnx.load(export_onnx(decoder, tmp_path / "language.onnx", spec)).graph
    taken, given = axes(language.input), axes(language.output)
    assert list(taken)[:5] == ["input_ids", "vision_embeds", "deepstack_features", "position_ids", "image_idx"]
    assert list(given)[:4] == [
        "logits",
        "vision_embeds_RetainedState",
        "deepstack_features_RetainedState",
        "image_idx_output",
    ]
    assert taken["position_ids"] == [4, "batch_size", "seq_len"]
    assert taken["deepstack_features"] == [2, "vision_batch_size", "vision_size", 64]
    assert given["deepstack_features_RetainedState"] == taken["deepstack_features"]


def test_both_programs_of_both_sizes_pass_preflight(subject: ImageSubject) -> None:
    some = [index for index, each in enumerate(subject.scenarios) if each.name in ("one image", "images of two sizes")]
    scenarios = tuple(subject.scenarios[index] for index in some)
    references = tuple(subject.references[index] for index in some)
    found = stages(replace(subject, scenarios=scenarios, references=references), 3)
    assert len(found) == 2
    for row, result in found.items():
        assert [stage.status for stage in result[1:]] == [EQUAL, EQUAL, PREFLIGHT_PASSED], row


def test_layers_with_a_window_keep_it_by_places_in_the_text() -> None:
    own = family("qwen2_vl")
    variant = image_variants(own)[0]
    text = variant.overrides["text_config"]
    kinds = ["sliding_attention", "full_attention"] * (text["num_hidden_layers"] // 2)
    windows = {"use_sliding_window": True, "sliding_window": 6, "layer_types": kinds}
    subject = image_subject(own, replace(variant, overrides=variant.overrides | {"text_config": text | windows}))
    decoder = load_transforms(own.name, GENERATED).apply(copy.deepcopy(subject.model)).get_qeff_language_decoder()
    kept = [window_of(layer) for layer in layers_kept(decoder, ExportSpec(CTX_LEN, images=True))]
    assert kept == [sliding(6), None] * (len(kinds) // 2)
    for row, result in stages(subject, 3).items():
        assert [stage.status for stage in result[1:]] == [EQUAL, EQUAL, PREFLIGHT_PASSED], row
