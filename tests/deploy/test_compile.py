"""`compile`, from a checkpoint to the compiler's files and, where there is a compiler, a program."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from safetensors.torch import load_file, save_file

from qeff_codegen.cli.main import main
from qeff_codegen.errors import UsageError
from qeff_codegen.export import exported_graph as graph
from qeff_codegen.export import graph_file
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.preflight import known_operators

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(*arguments: str) -> Result:
        runner = CliRunner(catch_exceptions=False)
        return runner.invoke(main, ["compile", *arguments, "--output", str(tmp_path / "programs")])

    return call


def folder_of(result: Result) -> Path:
    line = next(line for line in result.stdout.splitlines() if line.endswith("specializations.json"))
    return Path(line.split(maxsplit=1)[1]).parent


def command_of(result: Result) -> str:
    return next(line for line in result.stdout.splitlines() if line.startswith("command ")).split(maxsplit=1)[1]


def test_without_a_compiler_everything_is_written_and_nothing_compiled(
    run: Run, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    result = run(str(checkpoint), "--num-devices", "4")
    assert result.exit_code == 0, result.output
    folder = folder_of(result)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["custom_io.yaml", "mdp_ts_4.json", "qconfig.json", "specializations.json"]
    config = json.loads((folder / "qconfig.json").read_text())
    assert config["huggingface_config"]["hidden_size"] == 32
    assert config["qpc_config"]["compiler_config"]["mdp_ts_num_devices"] == 4
    assert config["qpc_config"]["compiler_config"]["aic_enable_depth_first"] is False
    assert config["qpc_config"]["aic_sdk_config"] == {"qaic_apps_version": None, "qaic_platform_version": None}
    assert config["qpc_config"]["QEff_config"]["pytorch_transforms"] == ["CustomOpsTransform", "KVCacheTransform"]
    assert "not compiled" in result.stdout
    assert "/opt/qti-aic/exec/qaic-compile -aic-hw " in result.stdout


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--full-batch-size", "4", "--num-devices", "2", "--mxfp6", "--mxint8-kv-cache", "--mos", "1"),
        (
            *("--comp-ctx-lengths-prefill", "32", "--comp-ctx-lengths-decode", "64"),
            *("--ctx-len", "96", "--aic-enable-depth-first", "--prefill-seq-len", "16"),
        ),
        ("--batch-size", "3", "--prefill-seq-len", "1"),
        ("--use-onnx-subfunctions", "--num-devices", "2"),
    ],
)
@pytest.mark.usefixtures("compiler")
def test_the_compiler_gets_what_it_takes(run: Run, checkpoint: Path, options: tuple[str, ...]) -> None:
    result = run(str(checkpoint), *options)
    assert result.exit_code == 0, result.output
    assert (folder_of(result) / "qpc" / "programqpc.bin").is_file()
    assert "compiled " in result.stdout


@pytest.mark.usefixtures("compiler")
def test_the_compiler_is_told_of_functions_where_there_are_some(run: Run, checkpoint: Path) -> None:
    with_functions = run(str(checkpoint), "--use-onnx-subfunctions")
    command = shlex.split(command_of(with_functions))
    assert "-sub-functions" in command
    shutil.rmtree(folder_of(with_functions) / "qpc")
    without = subprocess.run([word for word in command if word != "-sub-functions"], capture_output=True, text=True)
    assert "-sub-functions is not given, and the graph has 1 such functions" in without.stderr


@pytest.mark.parametrize("command", ["compile", "infer"])
def test_exporter_options_reach_the_exporter(
    command: str, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path))
    asked = []

    def refused(_model: object, _path: Path, spec: ExportSpec) -> None:
        asked.append(spec)
        raise UsageError("not now")

    monkeypatch.setattr(graph, "export_onnx", refused)
    prompt = ("--prompt", "w1") if command == "infer" else ()
    options = ("--dynamo", "--use-onnx-subfunctions")
    assert CliRunner().invoke(main, [command, str(checkpoint), *prompt, *options]).exit_code == 2
    assert asked == [ExportSpec(128, use_onnx_subfunctions=True, dynamo=True)]


def test_a_program_is_compiled_once(run: Run, checkpoint: Path, compiler: Path) -> None:
    assert run(str(checkpoint)).exit_code == 0
    compiler.write_text("#!/bin/sh\nexit 7\n")
    assert run(str(checkpoint)).exit_code == 0
    failed = run(str(checkpoint), "--num-cores", "8")
    assert failed.exit_code == 1
    assert "ended with exit code 7" in failed.stderr
    assert "-aic-num-cores=8" in failed.stderr


def test_an_unfinished_program_is_compiled_again(run: Run, checkpoint: Path, compiler: Path) -> None:
    working = compiler.read_text()
    compiler.write_text("#!/bin/sh\nfor a; do :; done\nmkdir ${a#-aic-binary-dir=}\nkill -9 $$\n")
    assert run(str(checkpoint)).exit_code == 1
    compiler.write_text(working)
    result = run(str(checkpoint))
    assert result.exit_code == 0, result.output
    assert (folder_of(result) / "qpc" / "programqpc.bin").is_file()


def test_a_missing_shard_is_named_before_anything_is_written(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(checkpoint, folder)
    shard = sorted(folder.glob("*.safetensors"))[1]
    shard.unlink()
    result = run(str(folder))
    assert result.exit_code == 2
    assert f"lacks {shard.name}" in result.stderr
    assert not (tmp_path / "programs").exists()


def test_a_truncated_graph_is_exported_again(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    assert run(str(checkpoint)).exit_code == 0
    (graph,) = (tmp_path / "programs").glob("*/model.onnx")
    whole = graph.read_bytes()
    graph.write_bytes(whole[: len(whole) // 2])
    assert run(str(checkpoint)).exit_code == 0
    assert len(graph.read_bytes()) == len(whole)


@pytest.mark.usefixtures("compiler")
def test_truncated_weights_are_exported_again(
    run: Run, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_file, "MAX_EMBEDDED_BYTES", 1000)
    assert run(str(checkpoint), "--dtype", "float16").exit_code == 0
    (weights,) = (tmp_path / "programs").glob("*/model.onnx.data")
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    assert run(str(checkpoint), "--dtype", "float16").exit_code == 0
    assert weights.read_bytes() == whole


def test_each_precision_has_a_graph_of_its_own(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    narrow, wide = (run(str(checkpoint), "--dtype", dtype) for dtype in ("float16", "float32"))
    assert folder_of(narrow) != folder_of(wide)
    config = json.loads((folder_of(narrow) / "qconfig.json").read_text())
    assert config["huggingface_config"]["dtype"] == "float16"
    sizes = sorted(path.stat().st_size for path in (tmp_path / "programs").glob("*/model.onnx"))
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("nowhere",), "`nowhere` is no folder"),
        (("nowhere", "--ctx-len", "16"), "ctx_len is 16 and prefill_seq_len 32"),
        (("nowhere", "--mxfp8"), "No such option"),
        (("nowhere", "--dtype", "bfloat16"), "'bfloat16' is not one of 'float32', 'float16'"),
    ],
)
def test_misuse(run: Run, arguments: tuple[str, ...], named: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert named in result.output


def test_a_context_beyond_the_model_s_positions(run: Run, checkpoint: Path) -> None:
    result = run(str(checkpoint), "--ctx-len", "256")
    assert result.exit_code == 2
    assert "knows 128 positions" in result.stderr


@pytest.mark.usefixtures("compiler")
def test_a_graph_that_fails_preflight_is_refused_before_anything_is_written(
    run: Run, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fewer = known_operators.known_operators() - {("", "Sigmoid")}
    monkeypatch.setattr(known_operators, "known_operators", lambda: fewer)
    result = run(str(checkpoint))
    assert result.exit_code == 3
    assert "preflight failed, known operators: No known export for Cloud AI 100 has the operator of Sigmoid (" in (
        result.stderr
    )
    assert "in model.layers.0.mlp.act_fn)" in result.stderr and "\n  next     Spell it with operators" in result.stderr
    assert not list((tmp_path / "programs").glob("*-qpc-*")), "nothing for the compiler is written"


def test_what_preflight_remarks_is_printed(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    folder = tmp_path / "faint"
    shutil.copytree(checkpoint, folder)
    shard = next(path for path in folder.glob("*.safetensors") if "model.embed_tokens.weight" in load_file(path))
    tensors = load_file(shard)
    tensors["model.embed_tokens.weight"][5, :4] = 1e-9
    save_file(tensors, shard, metadata={"format": "pt"})
    result = run(str(folder))
    assert result.exit_code == 0, result.output
    assert (
        "remark     float16 weights: 4 weights that are not zero become zero in float16, 4 of them in "
        "model.embed_tokens.weight.\npreflight  passed\n"
    ) in result.stdout
