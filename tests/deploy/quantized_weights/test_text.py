"""`infer` gives the same text of a quantized checkpoint as of its weights as floats, and says what it dequantized."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from qeff_codegen.cli.main import main
from tests.deploy.quantized_weights import references, test_mxfp4
from tests.deploy.quantized_weights.checkpoints import is_linear, stored, write_both
from tests.deploy.quantized_weights.compressed_copies import w4a16, w8a8

Folders = tuple[Path, Path]
AWQ = {"quant_method": "awq", "bits": 4, "group_size": 16, "version": "gemm", "zero_point": True}
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 16, "desc_act": True}
FP8 = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [32, 20]}


def awq(checkpoint: Path, folder: Path) -> Folders:
    linears = {name: tensor.shape for name, tensor in stored(checkpoint).items() if is_linear(name)}
    made = {name: references.awq(shape, 16, seed) for seed, (name, shape) in enumerate(linears.items())}
    return write_both(folder, checkpoint, made, AWQ)


def gptq(checkpoint: Path, folder: Path) -> Folders:
    linears = {name: tensor.shape for name, tensor in stored(checkpoint).items() if is_linear(name)}
    made = {
        name: references.gptq(shape, 16, seed, desc_act=True) for seed, (name, shape) in enumerate(linears.items())
    }
    return write_both(folder, checkpoint, made, GPTQ)


def fp8(checkpoint: Path, folder: Path) -> Folders:
    made = {name: references.fp8(tensor, 32, 20) for name, tensor in stored(checkpoint).items() if is_linear(name)}
    return write_both(folder, checkpoint, made, FP8)


def mxfp4(checkpoint: Path, folder: Path) -> Folders:
    source = test_mxfp4.source(folder / "source")
    for file in checkpoint.glob("tokenizer*"):
        (source / file.name).write_bytes(file.read_bytes())
    return write_both(folder, source, test_mxfp4.quantized(), test_mxfp4.CONFIG)


def infer(folder: Path, runtime: str) -> tuple[str, str]:
    """The text, and what is said beside it."""
    arguments = ["infer", str(folder), "--prompt", "w5 w9 w3", "--ctx-len", "32", "--prefill-seq-len", "4"]
    outcome = CliRunner().invoke(main, [*arguments, "--generation-len", "12", "--runtime", runtime])
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout.splitlines()[0], outcome.stderr


@pytest.mark.parametrize(
    ("make", "runtime"),
    [
        (awq, "onnxruntime"),
        (gptq, "pytorch"),
        (fp8, "pytorch"),
        (mxfp4, "pytorch"),
        (w8a8, "pytorch"),
        (w4a16, "pytorch"),
    ],
)
def test_the_text_is_that_of_the_weights_as_floats(
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path, Path], Folders],
    runtime: str,
) -> None:
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path / "cache"))
    quantized, plain = make(checkpoint, tmp_path)
    (text, said), (expected, said_of_plain) = infer(quantized, runtime), infer(plain, runtime)
    assert text == expected and len(text.split()) > 1
    assert "remark     " in said and "weights were dequantized into float32: " in said
    assert "dequantized" not in said_of_plain
