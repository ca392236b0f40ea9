"""`compile` for a family's name alone, and options that only qaic-compile knows."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qeff_codegen.cli.main import main
from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.errors import UsageError


def run(*arguments: str) -> Result:
    return CliRunner(catch_exceptions=False).invoke(main, list(arguments))


@pytest.mark.usefixtures("compiler")
def test_a_family_is_compiled_by_its_name(tmp_path: Path) -> None:
    result = run("compile", "qwen3", "--ctx-len", "64", "--output", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("random     the weights: a tiny qwen3, to see what is compiled")
    assert "compiled   " in result.stdout
    (graph,) = tmp_path.glob("*/model.onnx")
    assert graph.parent.name.startswith("tiny-qwen3-")


def test_random_weights_give_no_text() -> None:
    result = run("infer", "qwen3", "--prompt", "Hello")
    assert result.exit_code == 2
    assert "tiny-qwen3 is a model with random weights, which says nothing" in " ".join(result.stderr.split())


def test_no_name_and_no_checkpoint() -> None:
    result = run("compile", "qwen33")
    assert result.exit_code == 2
    assert "or the name of a generated family" in " ".join(result.stderr.split())


def test_further_options_reach_the_compiler(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    given = ("--compiler-option", "allow-mxint8-mdp-io", "--compiler-option", "stats_level=70")
    result = run("compile", str(checkpoint), *given, "--output", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert " -allow-mxint8-mdp-io -stats-level=70 " in result.stdout


def test_an_option_of_zero_is_one_that_is_given(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    result = run("compile", str(checkpoint), "--mos", "0", "--output", str(tmp_path))
    assert " -mos=0 " in result.stdout
    refused = run("compile", str(checkpoint), "--num-cores", "0", "--output", str(tmp_path))
    assert refused.exit_code == 2 and "num_cores is 0: it must be 1 or more" in refused.stderr


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("mos=1",), "give --mos itself"),
        (("stats-level=70", "stats_level=3"), "--compiler-option stats-level is given twice"),
        (("stats-level=",), "stats-level= has no value behind `=`"),
        (("aic-num-cores=8",), "aic_num_cores is written by this command itself: give num_cores"),
        (("prefil-seq-len=8",), "`prefil_seq_len` is no option of qaic-compile. Did you mean prefill_seq_len"),
        (("--mos=1",), "--compiler-option --mos=1: give the option's name without a dash"),
    ],
)
def test_what_is_no_further_option_is_refused_by_name(checkpoint: Path, given: tuple[str, ...], message: str) -> None:
    words = [word for option in given for word in ("--compiler-option", option)]
    result = run("compile", str(checkpoint), *words)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_a_misspelled_argument_is_no_option_of_the_compiler() -> None:
    with pytest.raises(UsageError, match="Did you mean num_devices"):
        CompileOptions(compiler_options={"num_device": 2})
