"""`compile` of an image-text model: two programs or one, and everything that the compiler reads for each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from click.testing import CliRunner, Result

from qeff_codegen.checked_in.layout import INSTALLED
from qeff_codegen.cli.main import main
from qeff_codegen.deploy.image_auto_model import QEFFAutoModelForImageTextToText
from qeff_codegen.deploy.image_checkpoint import names_image_text
from qeff_codegen.deploy.image_options import check_call_holds_image
from qeff_codegen.errors import UsageError
from tests.deploy.image_checkpoints import TOKENS_PER_IMAGE, save_llava

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_llava(tmp_path_factory.mktemp("tiny-llava"))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(*arguments: str) -> Result:
        runner = CliRunner(catch_exceptions=False)
        return runner.invoke(main, ["compile", *arguments, "--output", str(tmp_path / "programs")])

    return call


def folders(result: Result) -> list[Path]:
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stdout.splitlines() if line.endswith("specializations.json")]
    return [Path(line.split(maxsplit=1)[1]).parent for line in lines]


def symbols(folder: Path) -> dict[str, dict[str, str]]:
    found = json.loads((folder / "specializations.json").read_text())
    return {item["name"]: item["symbols"] for item in found["specializations"]}


def commands(result: Result) -> list[str]:
    return [line for line in result.stdout.splitlines() if line.startswith("command ")]


@pytest.mark.usefixtures("compiler")
def test_two_programs_are_compiled_for_one_image(run: Run, llava: Path) -> None:
    result = run(str(llava), "--mxfp6", "--mxint8-kv-cache", "--num-devices", "2", "--batch-size", "2")
    vision, language = folders(result)
    assert symbols(vision) == {"Vision": {"batch_size": "2"}}
    sizes = {"batch_size": "2", "ctx_len": "128", "vision_batch_size": "2", "vision_size": str(TOKENS_PER_IMAGE)}
    assert symbols(language) == {"Prefill": sizes | {"seq_len": "32"}, "Decode": sizes | {"seq_len": "1"}}
    assert (vision / "custom_io.yaml").read_text() == (
        " - IOName: pixel_values\n   Precision: float16\n\n - IOName: vision_embeds\n   Precision: float16\n\n"
    )
    assert (
        (language / "custom_io.yaml")
        .read_text()
        .startswith(
            " - IOName: vision_embeds\n   Precision: float16\n\n"
            " - IOName: vision_embeds_RetainedState\n   Precision: float16\n\n"
            " - IOName: past_key.0\n   Precision: mxint8\n\n"
        )
    )
    of_vision, of_language = commands(result)
    # The tower's weights are not compressed, and it retains nothing.
    assert "-retained-state" not in of_vision and "-mxfp6-matmul" not in of_vision
    assert "-retained-state" in of_language and "-mxfp6-matmul" in of_language
    assert all("-mdp-load-partition-config=" in command for command in (of_vision, of_language))
    for folder in (vision, language):
        assert (folder / "qpc" / "programqpc.bin").is_file()
    told = json.loads((vision / "qconfig.json").read_text())["qpc_config"]["compiler_config"]
    assert (told["retained_state"], told["mxfp6_matmul"]) == (False, False)
    assert result.stdout.count("compiled ") == 2 and "not compiled" not in result.stdout


@pytest.mark.usefixtures("compiler")
def test_continuous_batching_and_several_images(run: Run, llava: Path) -> None:
    vision, language = folders(run(str(llava), "--full-batch-size", "4", "--max-num-images", "3"))
    assert symbols(vision) == {"Vision": {"batch_size": "3"}}
    found = symbols(language)
    assert {name: item["vision_batch_size"] for name, item in found.items()} == {"Prefill": "1", "Decode": "1"}
    assert {item["vision_size"] for item in found.values()} == {str(3 * TOKENS_PER_IMAGE)}
    assert found["Decode"]["batch_size"] == found["Decode"]["full_batch_size"] == "4"


@pytest.mark.usefixtures("compiler")
def test_compute_context_lengths(run: Run, llava: Path) -> None:
    lengths = ("--comp-ctx-lengths-prefill", "64", "--comp-ctx-lengths-decode", "32")
    _, language = folders(run(str(llava), *lengths))
    assert list(symbols(language)) == ["Prefill_0", "Prefill_1", "Decode_0", "Decode_1"]


@pytest.mark.usefixtures("compiler")
def test_a_program_for_each_size_of_images(run: Run, tmp_path: Path) -> None:
    source = save_llava(tmp_path / "any-size", tower="mlcd_vision_model")
    vision, language = folders(run(str(source), "--img-size", "24", "--img-size", "16"))
    assert symbols(vision) == {
        "Vision_0": {"batch_size": "1", "img_size": "16"},
        "Vision_1": {"batch_size": "1", "img_size": "24"},
    }
    # A row has room for the largest.
    assert {item["vision_size"] for item in symbols(language).values()} == {"36"}
    (pixels,) = onnx.load(model_of(vision)).graph.input
    assert axes(pixels) == ["batch_size", 3, "img_size", "img_size"]


@pytest.mark.usefixtures("compiler")
def test_one_program_takes_pixels_with_tokens(run: Run, llava: Path) -> None:
    result = run(str(llava), "--single-qpc", "--batch-size", "2")
    (folder,) = folders(result)
    assert symbols(folder)["Prefill"] == {"batch_size": "2", "ctx_len": "128", "seq_len": "32"}
    graph = onnx.load(model_of(folder)).graph
    assert [item.name for item in graph.input][:5] == [
        "input_ids",
        "pixel_values",
        "position_ids",
        "image_idx",
        "past_key.0",
    ]
    assert [item.name for item in graph.output][:3] == ["logits", "pixel_values_RetainedState", "image_idx_output"]
    assert axes(graph.input[1]) == axes(graph.output[1]) == ["batch_size", 3, 16, 16]


@pytest.mark.parametrize("further", [(), ("--single-qpc",)])
@pytest.mark.usefixtures("compiler")
def test_float16(run: Run, llava: Path, further: tuple[str, ...]) -> None:
    for folder in folders(run(str(llava), "--dtype", "float16", *further)):
        graph = onnx.load(model_of(folder)).graph
        types = {item.type.tensor_type.elem_type for item in graph.input if item.name.startswith(("p", "v"))}
        assert types <= {onnx.TensorProto.FLOAT16, onnx.TensorProto.INT64} and onnx.TensorProto.FLOAT16 in types


@pytest.mark.parametrize("name", ["llava", "vipllava", "aya_vision", "cohere2_vision", "deepseek_vl"])
def test_a_family_s_name_is_its_tiny_model(run: Run, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    result = run(name)
    assert len(folders(result)) == 2
    assert f"random     the weights: a tiny {name}" in result.stdout
    assert "run the commands above where the SDK is installed" in result.stdout


def test_a_compiler_without_a_processor_in_the_folder(run: Run, llava: Path, tmp_path: Path) -> None:
    without = tmp_path / "without"
    without.mkdir()
    for name in ("config.json", "model.safetensors"):
        (without / name).write_bytes((llava / name).read_bytes())
    assert len(folders(run(str(without)))) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--max-num-images", "8"),
            "vision_size is 128, what the images of a prompt take of the context, and ctx_len",
        ),
        (("--img-size", "20"), "the vision tower takes no images of 20 x 20 pixels"),
        (("--img-size", "16", "--img-size", "24", "--single-qpc"), "takes one image of one size for each prompt"),
        (("--max-num-images", "2", "--single-qpc"), "takes one image of one size for each prompt"),
        (("--max-num-images", "0"), "max_num_images is 0: it must be 1 or more"),
        (("--num-speculative-tokens", "2"), "programs with images are made without num_speculative_tokens"),
        (("--include-sampler",), "which is made without --include-sampler"),
        (("--prefill-seq-len", "1"), "in which no image is placed"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_exported(
    run: Run, llava: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    result = run(str(llava), *options)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert not (tmp_path / "programs").exists()


def test_python_says_it_with_qefficient_s_names(llava: Path, tmp_path: Path) -> None:
    model = QEFFAutoModelForImageTextToText.from_pretrained(str(llava), kv_offload=False)
    (program,) = model.compile(tmp_path, img_size=16, ctx_len=64, mos=1)
    assert "-mos=1" in program.command
    with pytest.raises(UsageError, match="continuous batching needs continuous_batching in from_pretrained"):
        QEFFAutoModelForImageTextToText.from_pretrained(str(llava)).compile(tmp_path, full_batch_size=4)


def model_of(folder: Path) -> Path:
    """The graph that a program's folder was made for."""
    return folder.parent / folder.name.partition("-qpc-")[0] / "model.onnx"


@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize("further", [(), ("--single-qpc",)])
def test_layers_of_the_text_model_become_functions(run: Run, llava: Path, further: tuple[str, ...]) -> None:
    result = run(str(llava), "--use-onnx-subfunctions", *further)
    assert [("-sub-functions" in command) for command in commands(result)] == [False] * (1 - len(further)) + [True]
    functions = {item.name for item in onnx.load(model_of(folders(result)[-1])).functions}
    assert "QEffLlamaDecoderLayer" in functions


def axes(value: Any) -> list[int | str]:
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]


@pytest.mark.parametrize(("both_ways", "most"), [("image", 9), ("prompt", 10)])
def test_what_attends_to_one_another_has_to_fit_into_a_call(both_ways: str, most: int) -> None:
    with pytest.raises(UsageError, match=f"prefill_seq_len is {most - 1}, and {most} tokens"):
        check_call_holds_image(both_ways, 9, most - 1)
    check_call_holds_image(both_ways, 9, most)
    check_call_holds_image(None, 9, 2)


def test_a_family_with_a_causal_lm_too_is_that_unless_images_are_asked_about(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama4"}')
    for source in ("llama4", str(tmp_path)):
        assert [names_image_text(source, INSTALLED, with_images=asked) for asked in (False, True)] == [False, True]
    assert names_image_text("gemma4", INSTALLED) and not names_image_text("llama4_text", INSTALLED, with_images=True)


def test_one_pair_may_be_one_size_or_two(llava: Path, tmp_path: Path) -> None:
    model = QEFFAutoModelForImageTextToText.from_pretrained(str(llava))
    with pytest.raises(
        UsageError, match=r"give \[\(16, 24\)\] for images of that height and width, or \[16, 24\] for"
    ):
        model.compile(tmp_path, img_size=(16, 24))
