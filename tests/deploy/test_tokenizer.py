"""A folder whose tokenizer reads no text: `compile` does without, `infer` says what is missing and exports nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from qeff_codegen.cli.main import main
from qeff_codegen.deploy.tiny_checkpoint import tiny_checkpoint
from qeff_codegen.deploy.tokenizer import load_tokenizer, reads_text
from qeff_codegen.preflight.sample_prompt import sample_prompt

# Letters for more tokens than a tiny model has.
HAN = "".join(map(chr, range(0x4E00, 0x4E00 + 5000)))
SIZES = ("--prefill-seq-len", "8", "--ctx-len", "32")

# From the name of a family: a folder with its tiny model, and no tokenizer.
FolderOf = Callable[[str], Path]


@pytest.fixture
def folder_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderOf:
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path / "cache"))

    def saved(family: str) -> Path:
        folder = tmp_path / family
        tiny_checkpoint(family).model.save_pretrained(folder)
        return folder

    return saved


def run(command: str, folder: Path, *arguments: str) -> Result:
    result = CliRunner(catch_exceptions=False).invoke(main, [command, str(folder), *SIZES, *arguments])
    result.stderr_bytes = " ".join(result.stderr.split()).encode()
    return result


def exported(folder: Path) -> bool:
    return (folder.parent / "cache").exists()


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """A small tokenizer of the kind that most families have."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(["the ship left the harbour"], trainers.BpeTrainer(vocab_size=60))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def letters_tokenizer(letters: str) -> PreTrainedTokenizerFast:
    """A tokenizer with a token for each of these letters, which makes nothing of others."""
    tokenizer = Tokenizer(models.BPE(vocab={letter: index for index, letter in enumerate(letters)}, merges=[]))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


# transformers gives the first two a tokenizer of one entry, which makes no tokens of any text, the third one of
# special tokens alone, and the last none.
@pytest.mark.parametrize("family", ["qwen2", "dbrx", "bert", "llama"])
def test_infer_says_what_is_missing_before_anything_is_exported(folder_of: FolderOf, family: str) -> None:
    folder = folder_of(family)
    result = run("infer", folder, "--prompt", "Hello")
    assert result.exit_code == 2
    assert f"Error: {folder} has no tokenizer, which infer needs: none of tokenizer.json, " in result.stderr
    assert result.stderr.endswith("Copy the tokenizer's files into that folder from where the model comes from.")
    assert not exported(folder)


@pytest.mark.parametrize("family", ["qwen2", "dbrx"])
def test_compile_needs_none(folder_of: FolderOf, family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    folder = folder_of(family)
    result = run("compile", folder, "--output", str(folder.parent / "programs"))
    assert result.exit_code == 0, result.output
    assert "preflight  passed" in result.stdout


@pytest.mark.parametrize("family", ["qwen2", "dbrx"])
def test_with_a_tokenizer_it_gives_text(folder_of: FolderOf, family: str) -> None:
    folder = folder_of(family)
    byte_tokenizer().save_pretrained(folder)
    result = run("infer", folder, "--prompt", "the ship", "--generation-len", "3")
    assert result.exit_code == 0, result.output


def test_one_that_was_saved_without_a_vocabulary_is_none_either(folder_of: FolderOf) -> None:
    folder = folder_of("qwen2")
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    result = run("infer", folder, "--prompt", "Hello")
    assert result.exit_code == 2
    assert (
        f"{folder} has tokenizer files that give no tokenizer (Qwen2Tokenizer has no token that stands"
        in result.stderr
    )
    assert not exported(folder)


def test_tokens_that_settings_add_are_no_vocabulary(folder_of: FolderOf) -> None:
    """A folder copied without `tokenizer.json`: its settings still name a few tokens, special ones and others."""
    folder, whole = folder_of("qwen2"), folder_of("qwen2").parent / "whole"
    tokenizer = byte_tokenizer()
    tokenizer.add_special_tokens({"eos_token": "<|im_end|>"})
    tokenizer.add_tokens(["<tool_call>"])
    tokenizer.save_pretrained(whole)
    shutil.copy(whole / "tokenizer_config.json", folder)
    assert not reads_text(AutoTokenizer.from_pretrained(folder))
    assert "none of tokenizer.json, vocab.json, merges.txt is there" in load_tokenizer(folder, folder, {}).missing


def test_files_that_cannot_be_read_are_named_with_the_reason(folder_of: FolderOf) -> None:
    folder = folder_of("llama")
    (folder / "tokenizer.json").write_text("{")
    missing = load_tokenizer(folder, folder, {}).missing
    assert missing.startswith(f"{folder} has tokenizer files that give no tokenizer (")


@pytest.mark.parametrize("make", [byte_tokenizer, lambda: letters_tokenizer("a"), lambda: letters_tokenizer("мир")])
def test_small_vocabularies_read_text(make: Callable[[], PreTrainedTokenizerFast]) -> None:
    assert reads_text(make())


@pytest.mark.parametrize(
    "prompt, message", [("", "the prompt '' is empty"), ("bbb", "the tokenizer makes no token of the prompt 'bbb'.")]
)
def test_a_prompt_without_tokens(folder_of: FolderOf, prompt: str, message: str) -> None:
    folder = folder_of("qwen2")
    letters_tokenizer("a").save_pretrained(folder)
    result = run("infer", folder, "--prompt", "a", "--prompt", prompt)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not exported(folder)


def test_a_prompt_that_does_not_fit_is_refused_before_the_export(folder_of: FolderOf) -> None:
    folder = folder_of("qwen2")
    letters_tokenizer("a").save_pretrained(folder)
    result = run("infer", folder, "--prompt", "a" * 33)
    assert result.exit_code == 2
    assert "prompt 0 has 33 tokens, more than ctx_len 32" in result.stderr
    assert not exported(folder)


def test_another_model_s_tokenizer(folder_of: FolderOf) -> None:
    folder = folder_of("qwen2")
    letters_tokenizer(f"a{HAN}z").save_pretrained(folder)
    result = run("infer", folder, "--prompt", "az")
    assert result.exit_code == 2
    assert "makes token 5001 of the prompt 'az', and the model's vocabulary has" in result.stderr
    assert "it is another model's" in result.stderr


@pytest.mark.parametrize("tokenizer", [None, letters_tokenizer("б"), letters_tokenizer(f"{HAN}abcdefghijkl")])
def test_a_sample_that_the_model_cannot_be_given_is_made_of_its_vocabulary(tokenizer: object) -> None:
    sample = sample_prompt(tokenizer, 99)
    assert len(sample) == 64 and set(sample) < set(range(99))
