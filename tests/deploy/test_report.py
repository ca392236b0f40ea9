"""`--report` of `compile` and `infer`: a page is written where a graph was looked at, else it is said why not."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qeff_codegen.cli import charts
from qeff_codegen.cli.main import main
from qeff_codegen.export import exported_graph
from qeff_codegen.preflight import known_operators
from tests.deploy.fake_qaicrt import Program
from tests.deploy.image_checkpoints import save_image, save_llava
from tests.deploy.sized_images import save_family

pytest.importorskip("matplotlib", reason="charts need it: pip install -e '.[report]'")
Run = Callable[..., Result]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "pages" / "report.html"


@pytest.fixture
def run(tmp_path: Path, page: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path / "cache"))

    def call(command: str, source: Path, *arguments: str) -> Result:
        words = [command, str(source), *arguments, "--report", str(page)]
        return CliRunner(catch_exceptions=False).invoke(main, words)

    return call


@pytest.mark.usefixtures("compiler")
def test_compile_writes_a_page(run: Run, checkpoint: Path, page: Path, tmp_path: Path) -> None:
    result = run("compile", checkpoint, "--output", str(tmp_path / "programs"), "--ctx-len", "64")
    assert result.exit_code == 0, result.output
    assert f"written    {page}" in result.stderr
    text = page.read_text("utf-8")
    assert "<dd>compiled</dd>" in text and "not run on hardware" in text
    for step in ("loading", "exporting", "preflight", "compiling"):
        assert f'<th scope="row">{step}</th>' in text
    assert "batch_size 1, ctx_len 64, seq_len 32" in text
    assert f"-m={tmp_path}" in text


def test_without_a_compiler_it_says_so(
    run: Run, checkpoint: Path, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    assert run("compile", checkpoint, "--output", str(tmp_path / "programs")).exit_code == 0
    text = page.read_text("utf-8")
    assert "<dd>not compiled</dd>" in text and "writing what the compiler reads" in text


def test_a_graph_that_fails_preflight_has_a_page_too(
    run: Run, checkpoint: Path, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fewer = known_operators.known_operators() - {("", "Sigmoid")}
    monkeypatch.setattr(known_operators, "known_operators", lambda: fewer)
    result = run("compile", checkpoint, "--output", str(tmp_path / "programs"))
    assert result.exit_code == 3, result.output
    text = page.read_text("utf-8")
    assert '<dd class="bad">failed</dd>' in text and "No known export for Cloud AI 100" in text


def test_infer_looks_at_its_graph_for_the_page(run: Run, checkpoint: Path, page: Path) -> None:
    prompts = ("--prompt", "w1 w2", "--prompt", "w5", "--generation-len", "4")
    result = run("infer", checkpoint, *prompts)
    assert result.exit_code == 0, result.output
    text = page.read_text("utf-8")
    assert "batch_size 2, ctx_len 128, seq_len 1" in text
    assert "<dd>8 tokens</dd>" in text and "on onnxruntime" in text
    assert '<th scope="row">to the first token</th>' in text


def test_infer_on_a_device_has_the_programs_page(
    run: Run, checkpoint: Path, page: Path, device: type[Program]
) -> None:
    result = run("infer", checkpoint, "--prompt", "w1", "--generation-len", "2", "--device", "1")
    assert result.exit_code == 0, result.output
    assert device.made and "on Cloud AI 100, device 1" in page.read_text("utf-8")


def test_two_programs_of_an_image_text_model_are_on_one_page(run: Run, page: Path, tmp_path: Path) -> None:
    llava = save_llava(tmp_path / "llava")
    image = save_image(tmp_path / "image.png", 0)
    result = run("infer", llava, "--prompt", "w1", "--image", str(image), "--generation-len", "2")
    assert result.exit_code == 0, result.output
    text = page.read_text("utf-8")
    assert "Program for images of 16 x 16<" in text and "Program for text<" in text and "vision_embeds" in text


def test_programs_of_several_sizes_are_told_apart(run: Run, page: Path, tmp_path: Path) -> None:
    source = save_family(tmp_path / "qwen3_vl", "qwen3_vl")
    result = run("compile", source, "--img-size", "16x40", "--img-size", "16", "--output", str(tmp_path / "programs"))
    assert result.exit_code == 0, result.output
    text = page.read_text("utf-8")
    assert "Program for images of 16 x 40<" in text and "Program for images of 16 x 16<" in text
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(set(ids)) == len(ids)


def no_export(*_arguments: object) -> None:
    raise AssertionError("something is exported")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--runtime", "pytorch"), "--report is about a graph, and PyTorch runs none"),
        ((), "The report's charts need the package `matplotlib`, which is not installed"),
    ],
)
def test_what_has_no_page_is_said_before_anything_is_exported(
    run: Run, checkpoint: Path, page: Path, arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exported_graph, "export_onnx", no_export)
    monkeypatch.setattr(charts, "find_spec", lambda name: None)
    result = run("infer", checkpoint, "--prompt", "w1", *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert not page.exists()


def test_a_page_that_cannot_be_written(run: Run, checkpoint: Path, page: Path) -> None:
    page.parent.write_text("a file where a folder would be")
    result = run("infer", checkpoint, "--prompt", "w1", "--generation-len", "1")
    assert result.exit_code == 2
    assert f"{page} cannot be written: " in " ".join(result.stderr.split())
