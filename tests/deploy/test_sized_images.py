"""`infer` and `compile` where a processor says how large images are: the text that upstream's own `generate` gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from transformers import AutoModelForImageTextToText

from qeff_codegen.cli.main import main
from qeff_codegen.deploy.processor import load_processor
from tests.deploy.fake_qaicrt import Program
from tests.deploy.sized_images import save_family

FAMILIES = {
    # By the word that stands for an image in a prompt.
    "gemma3": "<boi>",
    "idefics3": "<image>",
    "llava_next": "<image>",
    "qwen2_5_vl": "<|image_pad|>",
    "qwen3_vl": "<|image_pad|>",
}
NEW_TOKENS = 6
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: save_family(tmp_path_factory.mktemp(f"tiny-{name}"), name) for name in FAMILIES}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """A dark and a bright picture, of different sizes."""
    folder = tmp_path_factory.mktemp("pictures")
    wide, tall = folder / "wide.png", folder / "tall.png"
    Image.linear_gradient("L").resize((40, 20)).point(lambda value: value // 5).convert("RGB").save(wide)
    Image.radial_gradient("L").resize((22, 45)).point(lambda value: 255 - value // 5).convert("RGB").save(tall)
    return wide, tall


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def run(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(cache))

    def call(source: Path, prompt: str, images: tuple[Path, ...], *arguments: str) -> Result:
        words = [word for image in images for word in ("--image", str(image))]
        sizes = ["--generation-len", str(NEW_TOKENS), "--prefill-seq-len", "7", "--ctx-len", "128"]
        command = ["infer", str(source), "--prompt", prompt, *words, *sizes, *arguments]
        return CliRunner(catch_exceptions=False).invoke(main, command)

    return call


def upstream_text(source: Path, prompt: str, images: tuple[Path, ...]) -> str:
    """What upstream's own `generate` goes on with."""
    processor, model = load_processor(source).processor, AutoModelForImageTextToText.from_pretrained(source)
    inputs = processor(text=[prompt], images=[Image.open(image) for image in images] or None, return_tensors="pt")
    generated = model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=0)
    return str(processor.tokenizer.decode(generated[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))


@pytest.mark.parametrize("name", FAMILIES)
def test_the_text_is_upstream_s(run: Run, checkpoints: dict[str, Path], pictures: tuple[Path, ...], name: str) -> None:
    image, source = FAMILIES[name], checkpoints[name]
    texts = []
    for prompt, given in ((f"w1 w2 {image} w3", pictures[:1]), (f"w1 {image} w2 {image} w3", pictures)):
        result = run(source, prompt, given)
        assert result.exit_code == 0, result.output
        texts.append(upstream_text(source, prompt, given))
        assert result.stdout == texts[-1] + "\n"
    other = upstream_text(source, f"w1 {image} w2 {image} w3", pictures[::-1])
    assert other != texts[1], "an image tells"


def test_pytorch_gives_the_same_text(run: Run, checkpoints: dict[str, Path], pictures: tuple[Path, ...]) -> None:
    source, prompt = checkpoints["qwen3_vl"], "w1 <|image_pad|> w2"
    result = run(source, prompt, pictures[:1], "--runtime", "pytorch")
    assert result.stdout == upstream_text(source, prompt, pictures[:1]) + "\n"


def test_sizes_that_were_not_asked_for_are_said(
    run: Run, checkpoints: dict[str, Path], pictures: tuple[Path, ...]
) -> None:
    result = run(checkpoints["qwen2_5_vl"], "<|image_pad|> w1", pictures[:1], "--img-size", "16x16")
    assert result.exit_code == 2
    assert "images of 16 x 40 pixels, and the vision program takes 16 x 16. Give that size" in result.stderr


@pytest.mark.usefixtures("compiler")
def test_compile_makes_a_program_for_each_size(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    sizes = ["--img-size", "16x40", "--img-size", "16", "--max-num-images", "2", "--prefill-seq-len", "8"]
    command = ["compile", str(checkpoints["qwen3_vl"]), *sizes, "--output", str(tmp_path)]
    result = CliRunner(catch_exceptions=False).invoke(main, command)
    assert result.exit_code == 0, result.output
    assert result.stdout.count("compiled ") == 3
    written = [Path(line.split(maxsplit=1)[1]) for line in result.stdout.splitlines() if line.startswith("written")]
    named = [path for path in written if path.name == "specializations.json"]
    assert len(named) == 1, "a program of one image has no sizes to be chosen"
    (found,) = (json.loads(path.read_text())["specializations"] for path in named)
    # Two images of the larger size, 2 x 5 tokens each.
    assert {item["symbols"]["vision_size"] for item in found} == {"20"}
    outputs = [path.read_text() for path in written if path.name == "custom_io.yaml" and "vision" in path.parent.name]
    assert len(outputs) == 2 and all("deepstack_features\n   Precision: float16" in text for text in outputs)


def test_a_size_has_to_be_given_where_none_is_configured(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    command = ["compile", str(checkpoints["qwen2_5_vl"]), "--output", str(tmp_path / "programs")]
    result = CliRunner(catch_exceptions=False).invoke(main, command)
    assert result.exit_code == 2
    assert "--img-size HEIGHTxWIDTH (img_size), once for each" in result.stderr
    for size, said in (("10", "is not made of whole squares of 8 pixels"), ("8by8", "'8by8' is no size")):
        result = CliRunner(catch_exceptions=False).invoke(main, [*command, "--img-size", size])
        assert result.exit_code == 2 and said in result.stderr
    result = CliRunner(catch_exceptions=False).invoke(main, [*command, "--img-size", "16", "--single-qpc"])
    assert result.exit_code == 2 and "Make two programs" in result.stderr
    assert not (tmp_path / "programs").exists()


def test_no_part_for_videos_is_needed(checkpoints: dict[str, Path]) -> None:
    loaded = load_processor(checkpoints["qwen2_5_vl"])
    assert loaded.missing == "" and type(loaded.processor).__name__ == "Qwen2_5_VLProcessor"
    made = loaded.processor(text=["w1"], return_tensors="pt")
    assert made["input_ids"].dtype == torch.int64


@pytest.mark.usefixtures("compiler")
def test_text_alone_asks_for_no_size_of_images(
    run: Run, checkpoints: dict[str, Path], tmp_path: Path, device: type[Program]
) -> None:
    source = checkpoints["qwen3_vl"]
    expected = upstream_text(source, "w1 w2", ()) + "\n"
    assert run(source, "w1 w2", ()).stdout == expected
    assert run(source, "w1 w2", (), "--report", str(tmp_path / "report.html")).stdout == expected
    assert run(source, "w1 w2", (), "--device", "0").stdout == expected
    assert len(device.made) == 1, "no vision program is compiled"
