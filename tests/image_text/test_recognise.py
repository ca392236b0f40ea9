"""Who is who is found by structure, and what is not understood is refused with its line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model, inspect_model
from qeff_codegen.review.changes import changes
from tests.image_text.small_model import SOURCE, plum


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(SOURCE.splitlines(), start=1) if text in line)


def test_the_parts_are_named_with_their_places() -> None:
    assert {role.role: (role.name, role.line) for role in inspect_model(plum())} == {
        "image-text model": ("PlumForConditionalGeneration", line_of("class PlumForConditionalGeneration")),
        "model": ("PlumModel", line_of("class PlumModel")),
        "text model": ("self.talker", line_of("self.talker = ")),
        "image features": ("PlumModel.features", line_of("def features")),
        "vision tower": ("self.eye", line_of("self.eye = ")),
        "projector": ("self.bridge", line_of("self.bridge = ")),
        "image token": ("self.config.plum_token", line_of("self.config.plum_token")),
    }


def test_the_programs_are_made_of_the_parts_that_were_found() -> None:
    code = generate_model(plum()).code
    assert "class QEffPlumEncoderWrapper(nn.Module):" in code
    assert "self.model.features(pixel_values=pixel_values, return_dict=True)" in code
    assert "self.talker = text_model_of(model, model.inner.talker)" in code
    assert "is_image_token = input_ids == self.config.plum_token" in code
    assert "logits = self.out(hidden_states)" in code


def test_a_batch_of_images_stays_a_tensor() -> None:
    code = generate_model(plum()).code
    assert "class QEffPlumModel(PlumModel):" in code
    assert "list(found)" not in code and "torch.split" not in code
    unchanged = generate_model(
        plum(
            "        if image_sizes is not None:\n            found = torch.split(found, image_sizes)\n"
            "        else:\n            found = list(found)\n",
            "",
        )
    )
    assert "QEffPlumModel" not in unchanged.code
    assert [entry.upstream_class for entry in unchanged.mappings] == ["PlumForConditionalGeneration"]


@pytest.mark.parametrize(
    ("before", "after", "layout", "given"),
    [
        ("pixel_values, image_sizes=None, **kwargs):", "pixel_values, image_sizes, **kwargs):", "WholeImage", True),
        ("out.pooler_output = found", "out.pooler_output = torch.split(found, 2)", "WholeImage", True),
        (
            "        out = self.eye(",
            "        if pixel_values.dim() == 5:\n            pixel_values = pixel_values[0]\n        out = self.eye(",
            "TiledImage",
            True,
        ),
        (
            "        out = self.eye(",
            "        a, b, c, d, e = pixel_values.shape\n        out = self.eye(",
            "ListedImage",
            False,
        ),
    ],
)
def test_what_sizes_decide_is_for_one_image(before: str, after: str, layout: str, given: bool) -> None:
    code = generate_model(plum(before, after)).code
    assert f"self.image = {layout}(model.config, image_size)" in code
    assert "    takes_one_image = True\n" in code
    assert ("image_sizes=self.image.image_sizes, " in code) is given
    assert "return joined_embeds(image_outputs.pooler_output)" in code


def test_an_image_of_zeros_is_no_padding() -> None:
    before = "        out = self.eye("
    real = "        is_real = (pixel_values == 0.0).sum(dim=(-1, -2, -3)) != count\n"
    after = f"        a, b, c, d, e = pixel_values.shape\n{real}        out = self.eye("
    code = generate_model(plum(before, after)).code
    assert "is_real = torch.ones(pixel_values.shape[0], dtype=torch.bool)" in code
    assert "pixel_values == 0.0" not in code


def test_what_waits_for_videos_never_runs() -> None:
    before = '        if encoded.get("image") is not None:\n'
    videos = (
        '        if encoded.get("video") is None and pixel_values_videos is not None:\n'
        '            encoded["video"] = self.seen(pixel_values_videos)\n'
        '        if encoded.get("video") is not None:\n'
        "            inputs_embeds = inputs_embeds * 2\n"
    )
    source = plum(before, videos + before)
    asked = replace(
        source, source=source.source.replace("encoded=None, **kw", "encoded=None, pixel_values_videos=None, **kw")
    )
    assert "video" not in generate_model(asked).code
    with pytest.raises(Refusal, match="does more between tokens and logits"):
        generate_model(source)


def test_every_line_has_an_owner() -> None:
    assert {owner for item in changes(generate_model(plum())) for owner in getattr(item, "owners", ())} == {
        "emit.header",
        "emit.imports",
        "emit.image_programs",
        "emit.images_of_one_size",
        "emit.called_by_programs",
    }


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (
            '        if encoded.get("image") is not None:\n',
            "        inputs_embeds = inputs_embeds * 2\n" '        if encoded.get("image") is not None:\n',
            "does more between tokens and logits than to put images among tokens: `inputs_embeds = inputs_embeds * 2`",
        ),
        (
            '        if encoded.get("image") is not None:\n',
            '        if encoded.get("video") is None and videos is not None:\n'
            '            encoded["video"] = self.features(videos)\n'
            '        if encoded.get("image") is not None:\n',
            "`if encoded.get('video') is None and videos is not None:`",
        ),
        ("logits = self.out(hidden)", "logits = self.out(hidden) / 2", "`logits = self.out(hidden) / 2`"),
        ("cache=outputs.cache)", "cache=None)", "does not return its logits and the cache as they are"),
        ("masked_scatter(where, image_features)", "masked_scatter(where, image_features * 2)", "masked_scatter"),
        (".to(inputs_embeds.dtype)", ".flip(0)", "image_features = torch.cat"),
        (
            "pixel_values, image_sizes=None, **kwargs):",
            "pixel_values, sizes_of_all, **kwargs):",
            "the features of images are made of more than pixels",
        ),
        (
            "image_sizes=image_sizes)",
            "image_sizes=input_ids)",
            "the features of images are made of more than pixels",
        ),
        ("mask = mask.unsqueeze(-1)", "mask = mask.roll(1).unsqueeze(-1)", "more than those of a token"),
        ("AutoModel.from_config(config.text_config)", "PlumProjector(config)", "builds no text model from"),
        (
            "position_ids=position_ids, cache=cache",
            "position_ids=position_ids + 1, cache=cache",
            "hands its text model what a program for text does not have: position_ids=position_ids + 1",
        ),
        (
            "inputs_embeds = inputs_embeds.masked_scatter(where, image_features)",
            "inputs_embeds = self.merged(input_ids, inputs_embeds)",
            "calls no model of this file that puts the features of images",
        ),
        ("mask = mask.unsqueeze(-1)", "mask[:, 0] = True", "more than those of a token"),
        ("mask = input_ids == self.config.plum_token", "mask = input_ids == 7", "images take the places of `7`"),
        (
            "            mask = input_ids == self.config.plum_token\n",
            "            mask = input_ids == self.config.plum_token\n"
            + " " * 12
            + "mask = input_ids == self.config.a\n",
            "more than those of a token",
        ),
    ],
)
def test_what_is_not_understood_is_refused(before: str, after: str, what: str) -> None:
    with pytest.raises(Refusal) as refused:
        generate_model(plum(before, after))
    assert refused.value.rule == "image_text"
    assert what in str(refused.value)
    assert refused.value.location is not None and refused.value.location.line > 1


@pytest.mark.parametrize("said", ['model_type="timm_wrapper",', 'requires_backends(cls, ["timm"])'])
def test_a_tower_of_another_library_is_refused_where_the_configuration_says_so(said: str) -> None:
    text = f"class PlumConfig:\n    settings = dict(\n        {said}\n    )\n".replace(",", "")
    path = "transformers/models/plum/configuration_plum.py"
    with pytest.raises(Refusal, match="the vision tower is one of the library timm") as refused:
        generate_model(replace(plum(), configuration=(path, text)))
    assert str(refused.value.location) == f"{path}:3"
