"""`infer --device`: the same text from a program on a device, or rather from the stand-in for its runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qeff_codegen.cli.main import main
from qeff_codegen.export import exported_graph
from tests.deploy.fake_qaicrt import Program

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
