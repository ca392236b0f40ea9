"""The two programs in a checkout's own shape."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import pytest
import torch

from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.runtime.images import place_image_embeds
from qeff_codegen.targets.qefficient import QEFFICIENT
from tests.image_text.small_model import plum

ASKED_FOR = (
    "get_qeff_vision_encoder",
    "get_qeff_language_decoder",
    "get_dummy_inputs",
    "get_onnx_dynamic_axes",
    "get_output_names",
    "get_specializations",
    "get_inputs_info",
)


def test_the_whole_answers_what_the_export_asks() -> None:
    model = generate_model(plum(), QEFFICIENT)
    classes = {node.name: node for node in ast.parse(model.code).body if isinstance(node, ast.ClassDef)}
    assert list(classes) == [
        "QEffPlumModel",
        "QEffPlumEncoderWrapper",
        "QEffPlumDecoderWrapper",
        "QEffPlumForConditionalGeneration",
    ]
    methods = {
        item.name for item in classes["QEffPlumForConditionalGeneration"].body if isinstance(item, ast.FunctionDef)
    }
    assert methods >= {*ASKED_FOR, "forward"}
    assert {entry.replacement for entry in model.mappings} == {"QEffPlumModel", "QEffPlumForConditionalGeneration"}
    assert "self.model.features(pixel_values=pixel_values, return_dict=True)" in model.code
    assert 'vision = {"pixel_values": {0: "max_num_images"}}' in model.code
    assert "is_image_token = input_ids == self.config.plum_token" in model.code


def test_inputs_stand_in_the_order_of_the_hand_written_ones() -> None:
    code = generate_model(plum(), QEFFICIENT).code
    decoder = next(node for node in ast.parse(code).body if isinstance(node, ast.ClassDef) and "Decoder" in node.name)
    forward = next(item for item in decoder.body if isinstance(item, ast.FunctionDef) and item.name == "forward")
    assert [argument.arg for argument in forward.args.args[1:]] == [
        "input_ids",
        "vision_embeds",
        "position_ids",
        "image_idx",
        "past_key_values",
        "comp_ctx_lengths",
        "batch_index",
    ]


def test_an_image_by_itself_is_told_its_size() -> None:
    before, after = "pixel_values, image_sizes=None, **kwargs):", "pixel_values, image_sizes, **kwargs):"
    code = generate_model(plum(before, after), QEFFICIENT).code
    assert "self.image_sizes = torch.tensor([model.get_qeff_image_size()])" in code
    assert "image_sizes=self.image_sizes, return_dict=True" in code
    assert 'vision = {"pixel_values": {}}' in code


def test_pixels_whose_layout_an_image_decides_are_refused() -> None:
    before = "        out = self.eye("
    after = "        if pixel_values.dim() == 5:\n            pixel_values = pixel_values[0]\n        out = self.eye("
    with pytest.raises(Refusal, match="how its pixels are laid out depends on an image's size") as refused:
        generate_model(plum(before, after), QEFFICIENT)
    assert "generate for this project's own runtime" in str(refused.value)


def test_a_text_model_of_the_same_file_is_refused() -> None:
    code = plum("AutoModel.from_config(config.text_config)", "PlumModel._from_config(config.text_config)")
    with pytest.raises(Refusal, match="has a text model of its own file"):
        generate_model(code, QEFFICIENT)


@pytest.fixture(scope="module")
def place() -> Callable[..., Any]:
    """The generated function, run."""
    code = generate_model(plum(), QEFFICIENT).code
    node = next(item for item in ast.parse(code).body if isinstance(item, ast.FunctionDef))
    names: dict[str, Any] = {"torch": torch}
    exec(ast.unparse(node), names)  # noqa: S102
    found: Callable[..., Any] = names[node.name]
    return found


@pytest.mark.parametrize("used", [0, 2])
@pytest.mark.parametrize("tokens", [[1, 9, 9, 1, 9], [1, 1, 1, 1, 1], [9, 1, 9, 9, 9], [9]])
def test_embeddings_are_placed_as_by_our_own_runtime(place: Callable[..., Any], tokens: list[int], used: int) -> None:
    is_image = torch.tensor([tokens]) == 9
    positions = torch.arange(len(tokens))[None].clone()
    positions[0, 4:] = -1
    given = (torch.randn(1, len(tokens), 3), is_image, positions, torch.randn(1, 6, 3), torch.tensor([[used]]))
    ours, theirs = place(*given), place_image_embeds(*given)
    assert all(torch.equal(first, second) for first, second in zip(ours, theirs, strict=True))


def test_a_step_of_several_rows_keeps_one_count(place: Callable[..., Any]) -> None:
    embeds = torch.randn(4, 1, 3)
    given = (embeds, torch.ones(4, 1, dtype=torch.bool), torch.tensor([[3], [5], [-1], [9]]), torch.randn(1, 6, 3))
    placed, image_idx = place(*given, torch.tensor([[5]]))
    assert torch.equal(placed, embeds)
    assert image_idx.tolist() == [[5]]
