"""Whether a text begins with BOS, and how a chat is written, is as a GGUF file says, once unpacked too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qeff_codegen.decoding.text import prompt_tokens
from qeff_codegen.deploy.checkpoint import load_checkpoint
from tests.deploy.gguf_files import write_gguf

TEMPLATE = "{{ bos_token }}{% for message in messages %}{{ message.content }}{% endfor %}"
BOS, EOS, SPACE, AB, CD, AB_AT_THE_START = 1, 2, 3, 8, 9, 11
TOKENS = ["<unk>", "<s>", "</s>", " ", "a", "b", "c", "d", "ab", "cd", " a", " ab"]
TOKENS += [f"x{number}" for number in range(64 - len(TOKENS))]


def described(kind: str, pre: str | None, flag: bool | None, template: str | None = None) -> Any:
    """What writes a tokenizer into a file's header: sentencepiece for `llama`, bytes for `gpt2`."""

    def describe(writer: Any) -> None:
        writer.add_tokenizer_model(kind)
        if pre is not None:
            writer.add_tokenizer_pre(pre)
        space = "\u2581" if kind == "llama" else "\u0120"
        writer.add_token_list([token.replace(" ", space) for token in TOKENS])
        writer.add_token_types([2, 3, 3] + [1] * (len(TOKENS) - 3))
        if kind == "llama":
            writer.add_token_scores([0.0] * 3 + [-float(place) for place in range(len(TOKENS) - 3)])
        else:
            writer.add_token_merges(["a b", "c d", f"{space} a", f"{space}a b"])
        writer.add_bos_token_id(BOS)
        writer.add_eos_token_id(EOS)
        if flag is not None:
            writer.add_add_bos_token(flag)
        if template is not None:
            writer.add_chat_template(template)

    return describe


@pytest.mark.parametrize(
    ("kind", "pre", "flag", "begins"),
    [
        ("llama", None, True, True),
        ("llama", None, False, False),
        ("llama", None, None, True),
        ("gpt2", "qwen2", True, True),
        ("gpt2", "qwen2", False, False),
        ("gpt2", "qwen2", None, False),
        ("gpt2", "llama-bpe", True, True),
        ("gpt2", "llama-bpe", False, False),
        # llama.cpp goes by the pre-tokenizer here.
        ("gpt2", "llama-bpe", None, True),
        ("gpt2", "tekken", None, True),
    ],
)
def test_a_text_begins_with_bos_where_the_file_says_so(
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    pre: str | None,
    flag: bool | None,
    begins: bool,
) -> None:
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path / "cache"))
    file = write_gguf(tmp_path / "tiny.gguf", checkpoint, described(kind, pre, flag))
    for _ in ("unpacked now", "unpacked before"):
        loaded = load_checkpoint(str(file))
        text = [AB_AT_THE_START if kind == "llama" else AB, SPACE, CD]
        assert prompt_tokens(loaded.tokenizer, "ab cd") == [BOS] * begins + text
        assert loaded.tokenizer.eos_token_id == EOS and loaded.model.generation_config.eos_token_id == EOS


@pytest.mark.parametrize("flag", [True, False, None])
def test_a_chat_is_written_by_the_template_alone(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: bool | None
) -> None:
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path / "cache"))
    file = write_gguf(tmp_path / "tiny.gguf", checkpoint, described("gpt2", "llama-bpe", flag, TEMPLATE))
    loaded = load_checkpoint(str(file))
    assert loaded.tokenizer.chat_template == TEMPLATE
    assert prompt_tokens(loaded.tokenizer, "ab cd") == [BOS, AB, SPACE, CD]
