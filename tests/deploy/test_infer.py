"""`infer`: the same text whatever runs the model, and however prompts share it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from qeff_codegen.cli.main import main
from qeff_codegen.decoding.text import TextSoFar
from tests.runtime.tiny_generated import tiny_upstream

PROMPTS = ("w1 w2 w3", "w9", "w5 w6 w7 w8 w9 w10 w11 w12 w13 w14 w15 w16 w17", "w40 w41")
NEW_TOKENS = 9

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path))

    def call(source: Path, *arguments: str, prompts: tuple[str, ...] = PROMPTS) -> str:
        words = [word for prompt in prompts for word in ("--prompt", prompt)]
        sizes = ["--generation-len", str(NEW_TOKENS), "--prefill-seq-len", "8", "--ctx-len", "64"]
        result: Result = CliRunner(catch_exceptions=False).invoke(
            main, ["infer", str(source), *words, *sizes, *arguments]
        )
        assert result.exit_code == 0, result.output
        assert "tokens/s" in result.stderr
        return result.stdout

    return call


@pytest.fixture(scope="module")
def expected(checkpoint: Path) -> dict[str, str]:
    """What upstream's own `generate` goes on with, prompt by prompt."""
    model, tokenizer = AutoModelForCausalLM.from_pretrained(checkpoint), AutoTokenizer.from_pretrained(checkpoint)
    texts = {}
    for prompt in PROMPTS:
        tokens = torch.tensor([tokenizer(prompt)["input_ids"]])
        generated = model.generate(
            tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=0
        )
        texts[prompt] = str(tokenizer.decode(generated[0, tokens.shape[1] :], skip_special_tokens=True))
    assert len(set(texts.values())) == len(PROMPTS)
    return texts


def as_list(texts: dict[str, str]) -> str:
    return "".join(f"> {prompt}\n{text}\n\n" for prompt, text in texts.items())


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--comp-ctx-lengths-prefill", "16", "--comp-ctx-lengths-decode", "8", "--comp-ctx-lengths-decode", "24"),
        ("--comp-ctx-lengths-prefill", "16", "--comp-ctx-lengths-decode", "24", "--full-batch-size", "2"),
        ("--prompt-lookup-num-tokens", "3"),
        ("--prompt-lookup-num-tokens", "3", "--full-batch-size", "2"),
        ("--prompt-lookup-num-tokens", "2", "--runtime", "pytorch"),
        ("--runtime", "pytorch"),
        ("--full-batch-size", "2"),
        ("--num-kv-blocks", "3"),
        ("--full-batch-size", "3", "--runtime", "pytorch"),
        ("--use-onnx-subfunctions",),
    ],
)
def test_the_same_text_from_every_runtime(
    run: Run, checkpoint: Path, expected: dict[str, str], arguments: tuple[str, ...]
) -> None:
    assert run(checkpoint, *arguments) == as_list(expected)


def test_float16_gives_the_same_text_in_every_runtime(run: Run, checkpoint: Path, expected: dict[str, str]) -> None:
    text = run(checkpoint, "--dtype", "float16")
    assert text == run(checkpoint, "--dtype", "float16", "--runtime", "pytorch")
    assert as_list({PROMPTS[0]: expected[PROMPTS[0]]}) in text


def test_one_prompt_is_answered_alone(run: Run, checkpoint: Path, expected: dict[str, str]) -> None:
    assert run(checkpoint, prompts=PROMPTS[:1]) == expected[PROMPTS[0]] + "\n"


def test_prompts_come_from_a_file_too(run: Run, checkpoint: Path, expected: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("\n".join([*PROMPTS[1:3], "", PROMPTS[3]]) + "\n")
    text = run(checkpoint, "--prompts-file", str(file), "--full-batch-size", "2", prompts=PROMPTS[:1])
    assert text == as_list(expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"caf\xe9\n", "is no UTF-8 text"), (b"\n\n", "there is no prompt. Give --prompt TEXT")],
)
def test_a_file_without_prompts_is_refused(checkpoint: Path, tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "prompts.txt"
    file.write_bytes(content)
    result = CliRunner(catch_exceptions=False).invoke(main, ["infer", str(checkpoint), "--prompts-file", str(file)])
    assert result.exit_code == 2
    assert message in result.stderr


class Bytes:
    """A tokenizer whose tokens are bytes: a character may take several."""

    def decode(self, tokens: list[int], skip_special_tokens: bool) -> str:
        return bytes(tokens).decode("utf-8", "replace")


def test_an_unfinished_character_waits() -> None:
    text = TextSoFar(Bytes())
    assert [text.add(byte) for byte in "a–b".encode()] == ["a", "", "", "–", "b"]
    assert text.text == "a–b"


def test_a_text_past_the_original_context_of_longrope_is_what_generate_gives(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a family that computes a text again where it crosses; one prompt is past it, one crosses, one stays below."""
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path / "cache"))
    upstream, tokenizer = tiny_upstream("phi3", "rope longrope"), AutoTokenizer.from_pretrained(checkpoint)
    upstream.save_pretrained(tmp_path / "phi3")
    tokenizer.save_pretrained(tmp_path / "phi3")
    prompts = [" ".join(f"w{start + step}" for step in range(length)) for start, length in ((1, 24), (5, 12), (9, 3))]
    greedy = GenerationConfig(max_new_tokens=NEW_TOKENS, do_sample=False)
    texts = {}
    for prompt in prompts:
        tokens = torch.tensor([tokenizer(prompt)["input_ids"]])
        generated = upstream.generate(tokens, attention_mask=torch.ones_like(tokens), generation_config=greedy)
        texts[prompt] = str(tokenizer.decode(generated[0, tokens.shape[1] :], skip_special_tokens=True))
    words = [word for prompt in prompts for word in ("--prompt", prompt)]
    sizes = ["--generation-len", str(NEW_TOKENS), "--prefill-seq-len", "8", "--ctx-len", "40"]
    command = ["infer", str(tmp_path / "phi3"), *words, *sizes, "--full-batch-size", "2"]
    result = CliRunner(catch_exceptions=False).invoke(main, command)
    assert result.stdout == as_list(texts)
    assert "; 1 computed again where LongRoPE changes its factors" in " ".join(result.stderr.split())
