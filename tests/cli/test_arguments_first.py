"""Arguments are read before anything that takes seconds to import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.imports import ROOT

# A module that is None in `sys.modules` cannot be imported, and whoever tries says that it is not installed.
PROGRAM = """
import sys
for name in ("torch", "transformers", "onnx", "onnxruntime", "numpy"):
    sys.modules[name] = None
from qeff_codegen.cli.main import main
main(sys.argv[1:], prog_name="python -m qeff_codegen")
"""


def without_heavy_packages(*arguments: str) -> tuple[int, str]:
    """The exit code and the messages of a command that can import nothing heavy."""
    outcome = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert outcome.stdout == ""
    return outcome.returncode, outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("infer", "smolm2", "--prompt", "x"), "Near names: smollm2"),
        (("compile", "lamma"), "Near names: llama, "),
        (("validate", "lamma"), "Near names: llama, "),
        (
            ("validate", "rwkv"),
            "`rwkv` is refused, so there is nothing to validate: `RwkvSelfAttention` ",
        ),
        (("validate", "llama", "lamma"), "`lamma` is not generated: "),
        (("validate", "gpt2", "--weights", "smollm2"), "--weights smollm2 are for `llama`, which is not among"),
        (("validate", "llama", "--source", "README.md"), "which needs no --source: leave it out."),
        (("compile", "tests"), "tests lacks config.json, model.safetensors."),
        (("infer", "llama", "--prompt", "x"), "tiny-llama is a model with random weights, which says nothing."),
        (("infer", "smollm2", "--ctx-len", "0", "--prompt", "x"), "ctx_len is 0: it must be 1 or more."),
        (("infer", "smollm2", "--prompt", " "), "the prompt ' ' is empty, and there is nothing to go on with."),
        (("infer", "smollm2", "--prompt", "x", "--generation-len", "0"), "--generation-len is 0: a prompt alone"),
        (("infer", "lamma", "--prompt", "x"), "no GGUF file, and none of smollm2.\nGive the path of a model's folder"),
        (("validate", "smollm2"), "it is weights of `llama`.\nRun `python -m qeff_codegen validate llama --weights"),
        (("check", "lamma"), "Near names: llama, "),
        (("compat", "lamma"), "llama"),
    ],
)
def test_a_wrong_argument_is_answered_without_them(arguments: tuple[str, ...], said: str) -> None:
    code, message = without_heavy_packages(*arguments)
    assert code == 2
    assert said in message
    assert "is not installed" not in message


def test_what_is_right_goes_on_to_import_them() -> None:
    code, message = without_heavy_packages("compile", "llama")
    assert code == 2
    assert "Running a model needs the package `" in message
