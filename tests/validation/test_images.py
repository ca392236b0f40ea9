"""The two programs of an image-text model give what upstream gives; a wrong one is noticed."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.deploy.specializations import specializations_for
from qeff_codegen.errors import UsageError
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec, window_of
from qeff_codegen.export.kept_layers import layers_kept
from qeff_codegen.export.vision_export import export_vision, image_shape
from qeff_codegen.runtime import images
from qeff_codegen.runtime.windows import sliding
from qeff_codegen.tiny_models.image_families import (
    ImageFamily,
    build_image_config,
    find_image_family,
    image_variants,
    inputs_of_images,
    takes_sizes,
)
from qeff_codegen.validation import image_device
from qeff_codegen.validation.image_bench import ImageRuntime
from qeff_codegen.validation.image_scenarios import CTX_LEN
from qeff_codegen.validation.image_subject import ImageSubject, image_subject
from qeff_codegen.validation.results import (
    DIFFERENT,
    EQUAL,
    PREFLIGHT_FAILED,
    PREFLIGHT_PASSED,
    ScenarioFinished,
    StageResult,
)
from qeff_codegen.validation.stages import run_stages

GENERATED = Path(__file__).parents[2] / "generated"
# A list of features for each image, and one tensor of them.
NAMES = ("llava", "llama4", "vipllava")


def family(name: str) -> ImageFamily:
    found = find_image_family(name, beside_causal_lm=True)
    assert found is not None
    return found


def subject_of(name: str) -> ImageSubject:
    own = family(name)
    return image_subject(own, image_variants(own)[0])


def stages(subject: ImageSubject, last_stage: int) -> dict[str, tuple[StageResult, ...]]:
    runtime = ImageRuntime(load_transforms(subject.model_name, GENERATED))
    events = run_stages(subject, runtime, last_stage)
    return {event.row.scenario: event.result.stages for event in events if isinstance(event, ScenarioFinished)}


@pytest.mark.parametrize("name", NAMES)
def test_the_programs_are_equal_to_upstream(name: str) -> None:
    subject = subject_of(name)
    assert subject.notes == ()
    found = stages(subject, 3)
    assert len(found) == 7
    wanted = [EQUAL, EQUAL, PREFLIGHT_PASSED]
    assert {row: result for row, result in found.items() if [stage.status for stage in result[1:]] != wanted} == {}


def test_a_program_that_cannot_be_compiled_fails_preflight(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = subject_of("llava")
    monkeypatch.setattr(
        image_device, "language_specializations", lambda layers, options, _: specializations_for(layers, options)
    )
    one = replace(subject, scenarios=subject.scenarios[1:2], references=subject.references[1:2])
    (result,) = stages(one, 3).values()
    assert [stage.status for stage in result[1:]] == [EQUAL, EQUAL, PREFLIGHT_FAILED]
    assert "vision_size" in result[3].detail


def _in_all_layers(is_image: Any, positions: Any, *, in_windows: bool) -> Any:
    return images.blocks_of_images(is_image, positions)


def _in_none(is_image: Any, positions: Any, *, in_windows: bool) -> None:
    return None


def test_a_mask_that_only_looks_back_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    own = family("gemma3")
    subject = image_subject(own, image_variants(own)[0], "image")
    load_transforms("gemma3", GENERATED)
    monkeypatch.setattr("generated.gemma3.modeling_gemma3.attending_within", nullcontext)
    found = stages(subject, 2)
    assert found["text alone"][1].status == EQUAL
    assert {row for row, result in found.items() if result[1].status == DIFFERENT} == set(found) - {"text alone"}


@pytest.mark.parametrize("wrong", [_in_all_layers, _in_none])
def test_image_tokens_see_one_another_in_windows_alone(wrong: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own = family("gemma4")
    (variant,) = [each for each in image_variants(own) if each.name == "use_bidirectional_attention=vision"]
    runtime = ImageRuntime(load_transforms("gemma4", GENERATED))
    assert [runtime.both_ways(own.model_class, build_image_config(own, each)) for each in image_variants(own)[:3]] == [
        None,
        None,
        "image",
    ]
    subject = image_subject(own, variant, "image")
    assert {result[1].status for result in stages(subject, 2).values()} == {EQUAL}
    monkeypatch.setattr("generated.gemma4.modeling_gemma4.blocks_of_images", wrong)
    found = stages(subject, 2)
    assert {row for row, result in found.items() if result[1].status == DIFFERENT} == set(found) - {"text alone"}


def test_images_are_told_apart_where_upstream_fills_them_up() -> None:
    """Upstream takes two sizes at once, each filled up to as many patches; the programs take each as it is."""
    own = family("gemma4")
    subject = subject_of("gemma4")
    first, other = subject.layouts
    given = inputs_of_images(subject.model, [first, other], [torch.ones(first.shape), torch.ones(other.shape)])
    assert given["pixel_values"].shape == (2, 40, 48)
    assert (given["image_position_ids"][:, -1] == -1).all()
    assert takes_sizes(own.model_class)
    assert stages(subject, 2)["images of two sizes"][1].status == EQUAL


def test_an_ear_stays_out_of_both_programs(tmp_path: Path) -> None:
    own = family("gemma4")
    (variant,) = [each for each in image_variants(own) if each.name == "with audio"]
    subject = image_subject(own, variant)
    assert subject.model.model.audio_tower is not None
    model = load_transforms("gemma4", GENERATED).apply(subject.model)
    vision = export_vision(model.get_qeff_vision_encoder((16, 24)).eval(), tmp_path / "vision.onnx")
    decoder = model.get_qeff_language_decoder().eval()
    language = export_onnx(decoder, tmp_path / "language.onnx", ExportSpec(ctx_len=32, images=True))
    for path in (vision, language):
        assert not any("audio" in each.name for each in onnx.load(path).graph.initializer)


def test_the_text_model_s_layers_keep_windows() -> None:
    own = family("cohere2_vision")
    variant = image_variants(own)[0]
    text = variant.overrides["text_config"]
    kinds = ["sliding_attention", "full_attention"] * (text["num_hidden_layers"] // 2)
    overrides = variant.overrides | {"text_config": text | {"sliding_window": 6, "layer_types": kinds}}
    subject = image_subject(own, replace(variant, overrides=overrides))
    decoder = load_transforms(own.name, GENERATED).apply(copy.deepcopy(subject.model)).get_qeff_language_decoder()
    windows = [window_of(layer) for layer in layers_kept(decoder, ExportSpec(CTX_LEN, images=True))]
    assert windows == [sliding(6), None] * (len(kinds) // 2)
    for row, result in stages(subject, 3).items():
        assert [stage.status for stage in result[1:3]] == ["equal"] * 2, row


def _count_lost(*given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    placed, used = images.place_image_embeds(*given)
    return placed, torch.zeros_like(used)


def _first_row_for_all(text: Any, is_image: Any, positions: Any, embeds: Any, used: Any) -> Any:
    return images.place_image_embeds(text, is_image, positions, embeds[:1].expand_as(embeds), used)


@pytest.mark.parametrize(
    ("wrong", "noticed", "unnoticed"),
    [
        (_count_lost, {"an image over chunks", "chunks between images", "continuous batching"}, {"one image"}),
        (_first_row_for_all, {"ragged batch", "ragged batch over chunks"}, {"one image", "continuous batching"}),
    ],
)
def test_a_wrong_placing_is_noticed(
    wrong: Any, noticed: set[str], unnoticed: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = subject_of("llava")
    load_transforms("llava", GENERATED)
    monkeypatch.setattr("generated.llava.modeling_llava.place_image_embeds", wrong)
    found = stages(subject, 2)
    different = {row for row, result in found.items() if result[1].status == DIFFERENT}
    assert noticed <= different
    assert unnoticed.isdisjoint(different)


def test_names_and_axes_are_the_contract_s(tmp_path: Path) -> None:
    subject = subject_of("llava")
    model = load_transforms("llava", GENERATED).apply(subject.model)
    vision = onnx.load(export_vision(model.get_qeff_vision_encoder().eval(), tmp_path / "vision.onnx")).graph
    assert axes(vision.input) == {"pixel_values": ["batch_size", *image_shape(model.config)]}
    assert list(axes(vision.output)) == ["vision_embeds"]
    decoder = model.get_qeff_language_decoder().eval()
    language = onnx.load(export_onnx(decoder, tmp_path / "language.onnx", ExportSpec(ctx_len=32, images=True))).graph
    assert list(axes(language.input)) == [
        "input_ids",
        "vision_embeds",
        "position_ids",
        "image_idx",
        *(f"past_{part}.{layer}" for layer in range(2) for part in ("key", "value")),
    ]
    assert list(axes(language.output)) == [
        "logits",
        "vision_embeds_RetainedState",
        "image_idx_output",
        *(f"past_{part}.{layer}_RetainedState" for layer in range(2) for part in ("key", "value")),
    ]
    assert axes(language.input)["vision_embeds"] == ["vision_batch_size", "vision_size", 64]
    assert axes(language.input)["image_idx"] == axes(language.output)["image_idx_output"] == ["batch_size", 1]
    weights = {each.name for each in language.initializer}
    assert not any("vision" in name for name in weights)
    assert not any("language_model" in each.name for each in vision.initializer)
    with pytest.raises(UsageError, match="exported without the dynamo exporter"):
        export_onnx(decoder, tmp_path / "other.onnx", ExportSpec(ctx_len=32, images=True, dynamo=True))


def axes(values: Any) -> dict[str, list[str | int]]:
    return {
        value.name: [each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim] for value in values
    }
