"""`infer` with images: the text that upstream's own `generate` gives, and a message for what does not fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from qeff_codegen.cli.main import main
from qeff_codegen.deploy import image_auto_model
from tests.deploy.image_checkpoints import TOKENS_PER_IMAGE, processor, save_image, save_llava

NEW_TOKENS = 9
PROMPT = "w1 w2 w3"

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_llava(tmp_path_factory.mktemp("tiny-llava"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    folder = tmp_path_factory.mktemp("pictures")
    return tuple(save_image(folder / f"{seed}.png", seed) for seed in range(3))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def run(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(cache))

    def call(source: Path, *arguments: str, images: tuple[Path, ...] = (), prompt: str = PROMPT) -> Result:
        words = [word for image in images for word in ("--image", str(image))]
        sizes = ["--generation-len", str(NEW_TOKENS), "--prefill-seq-len", "7", "--ctx-len", "64"]
        command = ["infer", str(source), "--prompt", prompt, *words, *sizes, *arguments]
        return CliRunner(catch_exceptions=False).invoke(main, command)

    return call


def upstream_text(source: Path, images: tuple[Path, ...], prompt: str = PROMPT) -> str:
    """What upstream's own `generate` goes on with."""
    made, model = AutoProcessor.from_pretrained(source), AutoModelForImageTextToText.from_pretrained(source)
    if made.chat_template is not None:
        places = [] if "<image>" in prompt else [{"type": "image"} for _ in images]
        chat = [{"role": "user", "content": [*places, {"type": "text", "text": prompt}]}]
        prompt = made.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    opened = [Image.open(image) for image in images] or None
    inputs = made(text=[prompt], images=opened, return_tensors="pt")
    generated = model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=0)
    new = generated[0, inputs["input_ids"].shape[1] :]
    return str(made.tokenizer.decode(new, skip_special_tokens=True))


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--runtime", "pytorch"),
        ("--single-qpc",),
        ("--use-onnx-subfunctions",),
        ("--single-qpc", "--runtime", "pytorch"),
        ("--full-batch-size", "2"),
        ("--comp-ctx-lengths-prefill", "32", "--comp-ctx-lengths-decode", "40"),
        ("--img-size", "16", "--max-num-images", "1"),
    ],
)
def test_the_text_is_upstream_s(run: Run, llava: Path, pictures: tuple[Path, ...], arguments: tuple[str, ...]) -> None:
    result = run(llava, *arguments, images=pictures[:1])
    assert result.exit_code == 0, result.output
    assert "tokens/s" in result.stderr
    assert result.stdout == upstream_text(llava, pictures[:1]) + "\n"


def test_another_picture_gives_another_text(llava: Path, pictures: tuple[Path, ...]) -> None:
    texts = {upstream_text(llava, (picture,)) for picture in pictures} | {upstream_text(llava, ())}
    assert len(texts) == 4


@pytest.mark.parametrize("prompt", [PROMPT, "w4 <image> w5 w6 <image> w7"])
def test_several_pictures_stand_where_the_prompt_says_or_before_it(
    run: Run, llava: Path, pictures: tuple[Path, ...], prompt: str
) -> None:
    result = run(llava, images=pictures[:2], prompt=prompt)
    assert result.exit_code == 0, result.output
    expected = upstream_text(llava, pictures[:2], prompt)
    assert result.stdout == expected + "\n"
    assert expected != upstream_text(llava, pictures[1::-1], prompt)


def test_text_alone_is_upstream_s_too(run: Run, llava: Path) -> None:
    result = run(llava, "--prompt", "w5 w6")
    assert result.exit_code == 0, result.output
    assert result.stdout == "".join(f"> {text}\n{upstream_text(llava, (), text)}\n\n" for text in (PROMPT, "w5 w6"))


def test_float16_gives_the_same_text_in_both_runtimes(run: Run, llava: Path, pictures: tuple[Path, ...]) -> None:
    texts = [
        run(llava, "--dtype", "float16", *further, images=pictures[:1]) for further in ((), ("--runtime", "pytorch"))
    ]
    assert [text.exit_code for text in texts] == [0, 0], texts[0].output
    assert texts[0].stdout == texts[1].stdout == upstream_text(llava, pictures[:1]) + "\n"


def test_a_processor_without_a_template_needs_the_places(run: Run, tmp_path: Path, pictures: tuple[Path, ...]) -> None:
    source = save_llava(tmp_path / "plain", chat_template=None)
    prompt = "w1 <image> w2"
    result = run(source, images=pictures[:1], prompt=prompt)
    assert result.stdout == upstream_text(source, pictures[:1], prompt) + "\n"
    result = run(source, images=pictures[:1])
    assert result.exit_code == 2
    assert "the prompt has 0 places for images (<image>), and 1 images are given. Write <image> once" in result.stderr


def test_a_tower_of_any_size_takes_images_of_the_size_that_is_given(
    run: Run, tmp_path: Path, pictures: tuple[Path, ...]
) -> None:
    source = save_llava(tmp_path / "any-size", tower="mlcd_vision_model")
    processor(image_size=24).save_pretrained(source)
    result = run(source, images=pictures[:1])
    assert result.exit_code == 2
    assert (
        "the processor makes larger images of 24 x 24 pixels, and the vision program takes 16 x 16. Give that size"
        in result.stderr
    )
    for sizes in (("--img-size", "24"), ("--img-size", "16", "--img-size", "24")):
        result = run(source, *sizes, images=pictures[:1])
        assert result.exit_code == 0, result.output
        assert result.stdout == upstream_text(source, pictures[:1]) + "\n"


def test_a_template_that_cannot_write_images_is_said(run: Run, tmp_path: Path, pictures: tuple[Path, ...]) -> None:
    source = save_llava(tmp_path / "strings", chat_template="{{ 'USER: ' + messages[0]['content'] }}")
    for images in ((), pictures[:1]):
        result = run(source, images=images)
        assert result.exit_code == 2
        assert "the processor's chat template cannot write the prompt as a chat: TypeError" in result.stderr


@pytest.fixture
def nothing_computed() -> object:
    """Neither exported nor run: who tries fails."""
    with (
        mock.patch.object(image_auto_model, "exported_graph", side_effect=AssertionError),
        mock.patch.object(image_auto_model, "exported_vision", side_effect=AssertionError),
        mock.patch.object(image_auto_model, "image_inference", side_effect=AssertionError),
    ):
        yield None


@pytest.mark.usefixtures("nothing_computed")
@pytest.mark.parametrize(
    ("arguments", "images", "prompt", "message"),
    [
        (("--max-num-images", "1"), 2, PROMPT, f"the prompt has 2 images of {TOKENS_PER_IMAGE} embeddings each, more"),
        (("--single-qpc",), 2, PROMPT, "vision_size, 16, has room for: that is 1 of them. One program for images"),
        ((), 2, "w1 <image> w2", "the prompt has 1 places for images (<image>), and 2 images are given"),
        ((), 0, "w1 <image> w2", "the prompt has 1 places for images (<image>), and 0 images are given"),
        (("--prompt", "w1"), 1, PROMPT, "1 images are given with 2 prompts: images go with one prompt"),
        (("--ctx-len", "16"), 1, PROMPT, "prompt 0 has 21 tokens, more than ctx_len 16"),
        (("--prefill-seq-len", "1"), 1, PROMPT, "a call of one token is a step of decoding"),
        (("--img-size", "24"), 1, PROMPT, "the vision tower takes no images of 24 x 24 pixels"),
        (("--img-size", "0"), 1, PROMPT, "img_size is 0: it must be 1 or more"),
        (("--dynamo",), 1, PROMPT, "programs with images are made without dynamo"),
        (("--prompt-lookup-num-tokens", "2"), 1, PROMPT, "made without num_speculative_tokens"),
        (("--num-kv-blocks", "2"), 1, PROMPT, "which is made without --num-kv-blocks"),
        (("--single-qpc", "--full-batch-size", "2"), 1, PROMPT, "has no continuous batching. Give one of them"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_computed(
    run: Run,
    llava: Path,
    pictures: tuple[Path, ...],
    arguments: tuple[str, ...],
    images: int,
    prompt: str,
    message: str,
) -> None:
    result = run(llava, *arguments, images=pictures[:images], prompt=prompt)
    assert result.exit_code == 2, result.output
    assert message in result.stderr


@pytest.mark.usefixtures("nothing_computed")
def test_tokens_that_are_not_as_many_as_embeddings_are_said(
    run: Run, llava: Path, pictures: tuple[Path, ...], tmp_path: Path
) -> None:
    source = tmp_path / "other-patches"
    source.symlink_to(llava)
    copied = tmp_path / "copied"
    copied.mkdir()
    for file in llava.iterdir():
        (copied / file.name).write_bytes(file.read_bytes())
    settings = json.loads((copied / "processor_config.json").read_text())
    (copied / "processor_config.json").write_text(json.dumps(settings | {"patch_size": 8}))
    result = run(copied, images=pictures[:1])
    assert result.exit_code == 2
    assert "prompt 0 has 4 image tokens, and its images have 16 embeddings" in result.stderr


@pytest.mark.usefixtures("nothing_computed")
def test_a_missing_processor_and_a_file_that_is_no_image_are_said(
    run: Run, llava: Path, pictures: tuple[Path, ...], tmp_path: Path
) -> None:
    without = tmp_path / "without"
    without.mkdir()
    for file in llava.iterdir():
        if file.name != "processor_config.json":
            (without / file.name).write_bytes(file.read_bytes())
    result = run(without, images=pictures[:1])
    assert result.exit_code == 2
    assert (
        "has no processor, which infer needs: none of processor_config.json, preprocessor_config.json is there"
        in result.stderr
    )
    (without / "processor_config.json").write_text("{}")
    result = run(without, images=pictures[:1])
    assert result.exit_code == 2 and "has files that give no processor" in result.stderr
    text = tmp_path / "text.png"
    text.write_text("no image")
    result = run(llava, images=(text,))
    assert result.exit_code == 2 and "text.png is no image that can be read" in result.stderr


def test_images_for_a_model_of_text_are_said(run: Run, checkpoint: Path, pictures: tuple[Path, ...]) -> None:
    for arguments, images in (((), pictures[:1]), (("--single-qpc",), ())):
        result = run(checkpoint, *arguments, images=images)
        assert result.exit_code == 2
        assert "is no image-text model of transformers, and something is asked of images" in result.stderr


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
