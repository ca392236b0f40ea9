"""`infer --device`: the same text from a program on a device, or rather from the stand-in for its runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qeff_codegen.cli.main import main
from qeff_codegen.export import exported_graph
from tests.deploy.fake_qaicrt import Program
from tests.deploy.image_checkpoints import save_image, save_llava
from tests.deploy.sized_images import save_family

PROMPTS = ("w1 w2 w3", "w9", "w5 w6 w7 w8 w9 w10 w11 w12 w13 w14 w15 w16 w17", "w40 w41")

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path / "cache"))

    def call(source: Path, *arguments: str, prompts: tuple[str, ...] = PROMPTS) -> Result:
        words = [word for prompt in prompts for word in ("--prompt", prompt)]
        sizes = ["--generation-len", "9", "--prefill-seq-len", "8", "--ctx-len", "64"]
        return CliRunner(catch_exceptions=False).invoke(main, ["infer", str(source), *words, *sizes, *arguments])

    return call


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--full-batch-size", "2"),
        ("--comp-ctx-lengths-prefill", "16", "--comp-ctx-lengths-decode", "8", "--comp-ctx-lengths-decode", "24"),
        ("--comp-ctx-lengths-prefill", "16", "--comp-ctx-lengths-decode", "24", "--full-batch-size", "2"),
        ("--prompt-lookup-num-tokens", "3"),
        ("--prompt-lookup-num-tokens", "3", "--full-batch-size", "2"),
        ("--use-onnx-subfunctions",),
        ("--dtype", "float16"),
        ("--num-kv-blocks", "3"),
        ("--include-sampler", "--temperature", "0.7", "--seed", "3"),
        ("--include-sampler", "--temperature", "0.7", "--seed", "3", "--full-batch-size", "2"),
        ("--include-sampler", "--repetition-penalty", "1.6", "--temperature", "0"),
    ],
)
def test_the_same_text_as_on_this_machine(
    run: Run, checkpoint: Path, device: type[Program], arguments: tuple[str, ...]
) -> None:
    there = run(checkpoint, *arguments, "--device", "2")
    assert there.exit_code == 0, there.output
    assert "(Cloud AI 100, device 2)" in there.stderr
    assert [program.devices for program in device.made] == [[2]]
    assert there.stdout == run(checkpoint, *arguments).stdout


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("depth_first", [(), ("--aic-enable-depth-first",)])
def test_a_program_is_left_as_compile_wrote_it(
    run: Run, checkpoint: Path, tmp_path: Path, depth_first: tuple[str, ...]
) -> None:
    sizes = ["--prefill-seq-len", "8", "--ctx-len", "64", "--batch-size", "4"]
    compiled = CliRunner(catch_exceptions=False).invoke(main, ["compile", str(checkpoint), *sizes, *depth_first])
    assert compiled.exit_code == 0, compiled.output
    (file,) = (tmp_path / "cache").rglob("qconfig.json")
    text = file.read_text()
    assert f'"aic_enable_depth_first": {str(bool(depth_first)).lower()}' in text
    assert run(checkpoint, *depth_first, "--device", "0").exit_code == 0
    assert [path.read_text() for path in (tmp_path / "cache").rglob("qconfig.json")] == [text]


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_llava(tmp_path_factory.mktemp("tiny-llava"))


@pytest.mark.parametrize(
    ("arguments", "images", "programs"),
    [
        ((), 1, 2),
        ((), 3, 2),
        (("--max-num-images", "3"), 2, 2),
        (("--full-batch-size", "2"), 1, 2),
        ((), 0, 1),
        (("--single-qpc",), 1, 1),
    ],
)
def test_the_same_text_of_images(
    run: Run,
    llava: Path,
    tmp_path: Path,
    device: type[Program],
    arguments: tuple[str, ...],
    images: int,
    programs: int,
) -> None:
    files = [save_image(tmp_path / f"{seed}.png", seed) for seed in range(images)]
    words = [word for file in files for word in ("--image", str(file))]
    there = run(llava, *words, *arguments, "--device", "0", prompts=("w1 w2 w3",))
    assert there.exit_code == 0, there.output
    assert len(device.made) == programs
    assert [program.is_active for program in device.made] == [False] * (programs - 1) + [True]
    assert there.stdout == run(llava, *words, *arguments, prompts=("w1 w2 w3",)).stdout


@pytest.mark.parametrize(
    ("family", "image"), [("gemma3", "<boi>"), ("llava_next", "<image>"), ("qwen3_vl", "<|image_pad|>")]
)
def test_images_whose_size_their_processor_says(
    run: Run, tmp_path: Path, device: type[Program], family: str, image: str
) -> None:
    """Tokens that see one another both ways, pieces of an image, positions by the grid and features for layers."""
    source = save_family(tmp_path / "family", family)
    files = [save_image(tmp_path / f"{seed}.png", seed, *size) for seed, size in enumerate(((40, 20), (22, 45)))]
    words = [word for file in files for word in ("--image", str(file))]
    prompts = (f"w1 {image} w2 {image} w3",)
    there = run(source, *words, "--ctx-len", "128", "--device", "0", prompts=prompts)
    assert there.exit_code == 0, there.output
    assert len(device.made) > 1 and device.made[-1].is_active
    assert there.stdout == run(source, *words, "--ctx-len", "128", prompts=prompts).stdout


def test_a_program_over_several_cards(run: Run, checkpoint: Path, device: type[Program]) -> None:
    there = run(checkpoint, "--device", "0,3", "--num-cores", "8", "--mxint8-kv-cache")
    assert there.exit_code == 0, there.output
    assert [(program.devices, program.qpc.devices) for program in device.made] == [([0, 3], 2)]
    assert run(checkpoint, "--device", "0", "--device", "3", "--num-cores", "8", "--mxint8-kv-cache").exit_code == 0
    assert there.stdout == run(checkpoint).stdout


def test_a_program_is_compiled_once_for_its_sizes(
    run: Run, checkpoint: Path, device: type[Program], compiler: Path
) -> None:
    assert run(checkpoint, "--device", "0").exit_code == 0
    compiler.write_text("#!/bin/sh\nexit 7\n")
    assert run(checkpoint, "--device", "1").exit_code == 0
    failed = run(checkpoint, "--device", "1", prompts=PROMPTS[:2])
    assert failed.exit_code == 1
    assert "qaic-compile ended with exit code 7" in failed.stderr


def no_export(*_arguments: object) -> None:
    raise AssertionError("something is exported")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--device", "0"), "needs the module `qaicrt` of Qualcomm's Platform SDK, which this Python cannot import"),
        (("--device", "0", "--runtime", "pytorch"), "--device and --runtime pytorch are given together"),
        (("--device", "one"), "'one' is no device's number. Give numbers, such as 0 or 0,1"),
        (("--device", "-1"), "'-1' is no device's number"),
        (("--num-cores", "8"), "options of the compiler are given without --device"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_exported(
    run: Run, checkpoint: Path, arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exported_graph, "export_onnx", no_export)
    result = run(checkpoint, *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--device", "1,1"), "the devices are 1, 1: each is a number from 0 on, and named once"),
        (("--device", "0", "--full-batch-size", "2", "--prefill-seq-len", "1"), "prefill_seq_len is 1 and full_batch"),
    ],
)
@pytest.mark.usefixtures("device")
def test_what_no_program_can_do_likewise(
    run: Run, checkpoint: Path, arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exported_graph, "export_onnx", no_export)
    result = run(checkpoint, *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_without_a_compiler_its_command_is_told(
    run: Run, checkpoint: Path, device: type[Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    result = run(checkpoint, "--device", "0")
    assert result.exit_code == 2
    assert "no program is compiled for these sizes, and qaic-compile was not found" in result.stderr
    assert "/opt/qti-aic/exec/qaic-compile -aic-hw " in result.stderr
    assert device.made == []


def test_a_device_that_takes_no_program_ends_the_command(
    run: Run, checkpoint: Path, device: type[Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "load", lambda _program: 1)
    result = run(checkpoint, "--device", "4")
    assert result.exit_code == 1
    assert "on device 4 could not be loaded: the runtime gives 1" in " ".join(result.stderr.split())
