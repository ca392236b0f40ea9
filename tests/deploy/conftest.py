"""A tiny checkpoint with a tokenizer, and the stand-in compiler on the PATH."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from qeff_codegen.tiny_models.models import randomise
from tests.deploy import fake_compiler, fake_qaicrt

WORDS = ["<end>", *(f"w{number}" for number in range(63))]


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `save_pretrained` writes it, in several shards."""
    folder = tmp_path_factory.mktemp("tiny-llama")
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        eos_token_id=0,
        bos_token_id=None,
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(config)
    randomise(model, seed=3)
    model.save_pretrained(folder, max_shard_size="20KB")
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="<end>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>").save_pretrained(folder)
    return folder


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`qaic-compile` on the PATH: the stand-in that checks everything and compiles nothing."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "qaic-compile"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} {fake_compiler.__file__} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return script


@pytest.fixture
def device(compiler: Path, monkeypatch: pytest.MonkeyPatch) -> type[fake_qaicrt.Program]:
    """The stand-in for the runtime, importable, beside that for the compiler; it lists the programs that were made."""
    for name, module in fake_qaicrt.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(fake_qaicrt.Program, "made", [])
    return fake_qaicrt.Program
