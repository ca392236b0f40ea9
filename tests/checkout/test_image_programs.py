"""An image-text model's two programs have the interface of those that QEfficient exports, but for what is listed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoConfig, AutoModelForImageTextToText

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.kv_cache import position_sections_of
from qeff_codegen.export.vision_export import export_vision
from qeff_codegen.tiny_models.models import build_tiny_model
from tests.checkout.called import Array, called
from tests.checkout.image_families import FAMILIES, LAST_TOKEN, NUMBERS, Shape
from tests.checkout.interface import Interface, differences, interface_of, listed_differences
from tests.checkout.qefficient import answer_of, needs_qefficient

ROOT = Path(__file__).resolve().parents[2]
PAGE, HEADING = ROOT / "docs/images.md", "Beside QEfficient's own export"


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def theirs(family: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    chosen = FAMILIES[family]
    found: dict[str, str] = answer_of(
        "image_programs.py", tmp_path_factory.mktemp("theirs"), chosen.settings, chosen.example
    )
    return found


@pytest.fixture(scope="module")
def ours(family: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder, chosen = tmp_path_factory.mktemp("ours"), FAMILIES[family]
    config = AutoConfig.for_model(**chosen.settings)
    model_class: Any = AutoModelForImageTextToText._model_mapping[type(config)]
    model = build_tiny_model(model_class, config, seed=0)
    model.set_attn_implementation("eager")
    model = load_transforms(family, ROOT / "generated").apply(model).eval()
    of_one_size = {} if chosen.image_size is None else {"image_size": chosen.image_size}
    found = {"vision": str(export_vision(model.get_qeff_vision_encoder(**of_one_size), folder / "vision.onnx"))}
    decoder = model.get_qeff_language_decoder().eval()
    for mode in ("plain", "continuous"):
        spec = ExportSpec(
            ctx_len=1024,
            images=True,
            continuous_batching=mode == "continuous",
            position_sections=position_sections_of(decoder),
        )
        found[f"language, {mode}"] = str(export_onnx(decoder, folder / f"{mode}.onnx", spec))
    return found


def listed(family: str, program: str) -> dict[str, tuple[str, str]]:
    """What the page says of a program: of every family's, and of this one's."""
    rows = listed_differences(PAGE, HEADING, NUMBERS)
    graphs = program, f"{program} of {family}"
    return {tensor: said for (graph, tensor), said in rows.items() if graph in graphs}


@needs_qefficient
@pytest.mark.parametrize("program", ["vision", "language, plain", "language, continuous"])
def test_programs_differ_in_what_is_listed_alone(
    program: str, family: str, ours: dict[str, str], theirs: dict[str, str]
) -> None:
    found = differences(interface_of(ours[program]), interface_of(theirs[program]))
    assert found == listed(family, program.partition(",")[0])


def embeddings_of(program: str, shapes: dict[str, Shape]) -> Shape | None:
    """The shape of the embeddings that a vision program makes of zeros in these shapes; None where it raises."""
    given: dict[str, Array] = {
        name: np.zeros(shape, np.int64 if name == "image_grid_thw" else np.float32) for name, shape in shapes.items()
    }
    try:
        return tuple(called(program, {}, given)["vision_embeds"].shape)
    except Exception as error:  # ONNX Runtime's exceptions have no common class
        assert "Non-zero status code returned while running" in str(error)
        return None


# The size that was exported, a smaller one, a larger one and two images: what QEfficient's named axes take.
TAKEN: dict[str, list[tuple[dict[str, Shape], Shape | None]]] = {
    "llava": [
        ({"pixel_values": (1, 3, 336, 336)}, (1, 9, 64)),
        ({"pixel_values": (1, 3, 224, 224)}, None),
        ({"pixel_values": (1, 3, 448, 448)}, None),
        ({"pixel_values": (2, 3, 336, 336)}, (2, 9, 64)),
    ],
    "gemma3": [
        ({"pixel_values": (1, 3, 112, 112)}, (1, 16, 64)),
        ({"pixel_values": (1, 3, 84, 84)}, None),
        ({"pixel_values": (1, 3, 140, 140)}, None),
        ({"pixel_values": (2, 3, 112, 112)}, (2, 16, 64)),
    ],
    "mistral3": [
        ({"pixel_values": (1, 3, 112, 112)}, (16, 64)),
        ({"pixel_values": (1, 3, 84, 84)}, None),
        # An image of 5 x 5 merged patches, of which it leaves out nine.
        ({"pixel_values": (1, 3, 140, 140)}, (16, 64)),
        ({"pixel_values": (2, 3, 112, 112)}, None),
    ],
    "qwen2_5_vl": [
        ({"pixel_values": (96, 1176), "image_grid_thw": (1, 1, 8, 12)}, (1, 24, 64)),
        ({"pixel_values": (64, 1176), "image_grid_thw": (1, 1, 8, 8)}, (1, 16, 64)),
        ({"pixel_values": (320, 1176), "image_grid_thw": (1, 1, 16, 20)}, (1, 80, 64)),
        ({"pixel_values": (192, 1176), "image_grid_thw": (2, 1, 8, 12)}, (2, 24, 64)),
    ],
}


@needs_qefficient
def test_what_the_named_axes_of_their_images_take(family: str, theirs: dict[str, str]) -> None:
    expected = TAKEN[family]
    assert [(given, embeddings_of(theirs["vision"], given)) for given, _ in expected] == expected


SIZES = {"batch_size": 1, "vision_batch_size": 1, "vision_size": 16, "sliding_window": 16, "ctx_len": 64}
PROGRAM = "language, plain"


@needs_qefficient
def test_tokens_without_an_image_leave_the_count_in_ours_alone(
    family: str, ours: dict[str, str], theirs: dict[str, str]
) -> None:
    def after(program: str, count: int) -> int:
        places = np.arange(4)[None]
        sections = np.stack([places] * 4) if family == "qwen2_5_vl" else places
        text = {"input_ids": np.array([[1, 2, 3, 4]]), "position_ids": sections, "image_idx": np.array([[count]])}
        return int(called(program, SIZES, text)["image_idx_output"].item())

    assert after(ours[PROGRAM], 5) == 5
    assert after(theirs[PROGRAM], 5) == (5 if family == "mistral3" else 0)


@needs_qefficient
@pytest.mark.parametrize("family", ["gemma3"], indirect=True)
def test_image_tokens_see_what_comes_later_in_ours_alone(ours: dict[str, str], theirs: dict[str, str]) -> None:
    tokens = np.array([[1, 2, *[LAST_TOKEN] * 8, 3, 4]])
    embeds = np.random.default_rng(0).normal(size=(1, 16, NUMBERS["hidden"])).astype(np.float32)
    other = embeds.copy()
    other[0, 7] += 1

    def changed(program: str) -> list[int]:
        """In which slots of the second layer keys are others where the image's last embedding is another."""
        first, second = (
            called(program, SIZES, {"input_ids": tokens, "position_ids": np.arange(12)[None], "vision_embeds": given})
            for given in (embeds, other)
        )
        return others_in(first, second)

    assert changed(ours[PROGRAM]) == list(range(2, 12))
    assert changed(theirs[PROGRAM]) == [9, 10, 11]


@needs_qefficient
@pytest.mark.parametrize("family", ["gemma3"], indirect=True)
def test_a_chunk_overwrites_what_its_first_tokens_see_in_theirs_alone(
    ours: dict[str, str], theirs: dict[str, str]
) -> None:
    random = np.random.default_rng(0)
    prompt, chunk = (random.integers(1, 200, size=(1, length)) for length in (16, 8))

    def changed(program: str) -> list[int]:
        """In which slots keys of the second layer are others where a value of position 5 is in the first."""
        before = called(program, SIZES, {"input_ids": prompt, "position_ids": np.arange(16)[None]})
        cache = {name.removesuffix("_RetainedState"): value for name, value in before.items() if "past" in name}
        other = cache["past_value.0"].copy()
        other[:, :, 5] += 1
        call = {"input_ids": chunk, "position_ids": np.arange(16, 24)[None], **cache}
        first, second = (called(program, SIZES, each) for each in (call, call | {"past_value.0": other}))
        return others_in(first, second)

    # In a window of 16, positions 16 to 20 see position 5; they stand in the first slots.
    assert changed(ours[PROGRAM]) == [0, 1, 2, 3, 4]
    assert changed(theirs[PROGRAM]) == []


def others_in(first: dict[str, Array], second: dict[str, Array]) -> list[int]:
    """In which slots of the second layer two calls have left other keys."""
    keys = "past_key.1_RetainedState"
    return np.nonzero(np.abs(first[keys] - second[keys]).max(axis=(0, 1, 3)) > 1e-6)[0].tolist()


INTERFACE: Interface = {"inputs": [("a", "int64 [x]"), ("b", "float [y]")], "outputs": [("c", "float [y]")]}


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (INTERFACE, {}),
        (INTERFACE | {"outputs": [("c", "float16 [y]")]}, {"c": ("float [y]", "float16 [y]")}),
        (INTERFACE | {"outputs": []}, {"c": ("float [y]", "none")}),
        (INTERFACE | {"outputs": [*INTERFACE["outputs"], ("d", "bool []")]}, {"d": ("none", "bool []")}),
        (INTERFACE | {"inputs": INTERFACE["inputs"][::-1]}, {"order of inputs": ("a, b", "b, a")}),
    ],
)
def test_a_difference_is_found(other: Interface, found: dict[str, tuple[str, str]]) -> None:
    assert differences(INTERFACE, other) == found


def test_what_is_listed_is_read_with_its_numbers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "## Other\n\n| a | b |\n\n## Beside\n\n| program | tensor | ours | theirs | why |\n|---|---|---|---|---|\n"
        "| vision | `a`, `b` | `float [n, wide]` | none | known |\n\n## After\n"
    )
    read = listed_differences(page, "Beside", {"wide": 7})
    assert read == {("vision", name): ("float [n, 7]", "none") for name in ("a", "b")}
    page.write_text(page.read_text().replace("known", ""))
    with pytest.raises(AssertionError, match="gives no reason for `a`, `b` of vision"):
        listed_differences(page, "Beside", {})
