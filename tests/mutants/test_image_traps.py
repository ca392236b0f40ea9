"""Traps for images: without the rule that refuses it each is found silently wrong, and traps find their places."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

import pytest

from qeff_codegen.image_text import model_forward
from qeff_codegen.image_text.known_statements import possible
from tests.mutants.batch import examine_one, prepare_process
from tests.mutants.edits import Text
from tests.mutants.image_laboratory import ImageLaboratory
from tests.mutants.mutants import IMAGE_TRAPS, Mutator
from tests.mutants.verdict import Outcome

FAMILIES = ["llava", "gemma3", "qwen2_5_vl", "idefics3"]
SEED = 1
# Chooses all of an image's patches beside the usual choice of them.
NUMBER = 1
STRATEGY = "        vision_feature_select_strategy: str | None = None,\n"
ROOM = "qeff_codegen.image_text"
Break = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(autouse=True)
def quiet() -> None:
    prepare_process()


@cache
def laboratory(family: str) -> ImageLaboratory:
    return ImageLaboratory(family)


def without(name: str, answer: object = None) -> Break:
    return lambda patch: patch.setattr(name, lambda *_, **__: answer)


def any_embeddings(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(model_forward, "_COMMON", (*model_forward._COMMON, possible("any", "inputs_embeds = $_")))


@pytest.mark.parametrize(
    ("family", "before", "after", "breaks"),
    [
        (
            "llava",
            "torch.cat(image_features, dim=0).to(inputs_embeds.device, inputs_embeds.dtype)\n",
            "torch.cat(image_features, dim=0).to(inputs_embeds.device, inputs_embeds.dtype).flip(0)\n",
            lambda patch: patch.setattr(f"{ROOM}.placing._KEEPING", ("flip", "to")),
        ),
        (
            "llava",
            "        outputs = self.language_model(",
            "        inputs_embeds = inputs_embeds * 1.5\n        outputs = self.language_model(",
            any_embeddings,
        ),
        (
            "llava",
            f"= None,\n{STRATEGY}        labels",
            f"= 1,\n{STRATEGY}        labels",
            without(f"{ROOM}.handed_on.check_defaults"),
        ),
        (
            "gemma3",
            "            pixel_values=pixel_values,\n            token_type_ids=token_type_ids",
            "            pixel_values=pixel_values.flip(-1) if pixel_values is not None else None,\n"
            "            token_type_ids=token_type_ids",
            without(f"{ROOM}.recognise.check_handed_on"),
        ),
        (
            "gemma3",
            "is_image = (token_type_ids == 1)",
            "is_image = (token_type_ids == 0)",
            without(f"{ROOM}.both_ways._is", answer=True),
        ),
        (
            "qwen2_5_vl",
            "cache_length = 0 if cache is None else cache.get_seq_length()",
            "cache_length = 0 if cache is None else 2 * cache.get_seq_length()",
            without(f"{ROOM}.sections._are_known", answer=True),
        ),
        (
            "qwen2_5_vl",
            "vision_outputs.pooler_output = torch.split(vision_outputs.pooler_output, split_sizes)",
            "vision_outputs.pooler_output = torch.split(vision_outputs.pooler_output.flip(0), split_sizes[::-1])",
            without("qeff_codegen.export.vision_export.refuse_mixed_images"),
        ),
        (
            "qwen2_5_vl",
            "row 0 = h coords, row 1 = w coords\n",
            "row 0 = h coords, row 1 = w coords\n        position_ids = position_ids.flip(0)\n",
            without("qeff_codegen.export.vision_export.refuse_mixed_images"),
        ),
        (
            "idefics3",
            "self.modality_projection(image_hidden_states)",
            "self.modality_projection(image_hidden_states.flip(0))",
            without("qeff_codegen.export.vision_export.refuse_mixed_images"),
        ),
    ],
    ids=[
        "features backwards where they are placed",
        "embeddings scaled",
        "another layer by default",
        "other pixels handed on",
        "types of text for those of images",
        "positions counted on from elsewhere",
        "patches and images backwards",
        "positions of patches backwards, which images of one size hide",
        "images backwards",
    ],
)
def test_what_no_rule_refuses_is_found_silently_wrong(
    family: str, before: str, after: str, breaks: Break, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = laboratory(family).upstream.source
    assert before in source
    mutant = source.replace(before, after)
    breaks(monkeypatch)
    verdict = laboratory(family).examine_trap(mutant, NUMBER)
    assert verdict.outcome is Outcome.SILENT, verdict
    monkeypatch.undo()
    verdict = laboratory(family).examine_trap(mutant, NUMBER)
    assert verdict.outcome is Outcome.REFUSED, verdict


def test_the_original_is_equal_and_other_patches_are_followed() -> None:
    source = laboratory("llava").upstream.source
    assert laboratory("llava").examine(source, 0).outcome is Outcome.EQUAL
    chosen = "selected_image_feature[:, 1:]"
    verdict = laboratory("llava").examine_trap(source.replace(chosen, chosen.replace("1:", ":-1")), 0)
    assert verdict.outcome is Outcome.EQUAL and verdict.changed_numbers, verdict


@pytest.mark.parametrize("family", ["llava", "qwen2_5_vl"])
def test_no_mutant_is_silently_wrong(family: str) -> None:
    results = [examine_one(laboratory(family), family, SEED, number) for number in range(6)]
    assert sum(result.verdict.outcome.counts for result in results) >= 2
    for result in results:
        assert result.verdict.outcome is not Outcome.SILENT, f"{result.verdict.detail}\n{result.diff}"


@pytest.mark.parametrize("trap", IMAGE_TRAPS, ids=lambda trap: trap.__name__)
def test_a_trap_finds_its_places(trap: Mutator) -> None:
    found = set()
    for family in FAMILIES:
        text = Text(laboratory(family).upstream.source)
        functions = laboratory(family).ground.functions(text.tree)
        if any(trap(text, function, random.Random(seed)) for _, function in functions for seed in range(4)):
            found.add(family)
    # Positions and types stand where a model makes them.
    assert len(found) >= 2, found


def test_text_classes_that_the_auto_classes_build_are_left_alone() -> None:
    text = Text(laboratory("gemma3").upstream.source)
    names = {name for name, _ in laboratory("gemma3").ground.functions(text.tree)}
    assert "Gemma3Model.forward" in names and "Gemma3MultiModalProjector.forward" in names
    assert not any(name.startswith(("Gemma3Text", "Gemma3Attention")) for name in names), names
