"""A GGUF file is unpacked once, and gives the model it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from qeff_codegen.deploy import checkpoint as checkpoints
from qeff_codegen.deploy.checkpoint import load_checkpoint
from qeff_codegen.errors import UsageError
from tests.deploy.gguf_files import write_gguf


@pytest.fixture
def file(checkpoint: Path, tmp_path: Path) -> Path:
    """The tiny checkpoint as GGUF writes it, without its tokenizer."""
    return write_gguf(tmp_path / "tiny.gguf", checkpoint)


def test_a_gguf_file_is_unpacked_once(
    checkpoint: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path / "cache"))
    expected = AutoModelForCausalLM.from_pretrained(checkpoint).state_dict()
    asked: list[dict[str, str]] = []
    load = checkpoints._load

    def record(named: Path, folder: Path, arguments: dict[str, str]) -> tuple[Any, Any]:
        asked.append(arguments)
        return load(named, folder, arguments)

    monkeypatch.setattr(checkpoints, "_load", record)
    first, second = load_checkpoint(str(file)), load_checkpoint(str(file))
    assert asked == [{"gguf_file": "tiny.gguf"}, {}, {}]
    assert first.name == "tiny" and first.sha256 == second.sha256
    for loaded in (first, second):
        assert all(torch.equal(weight, expected[name]) for name, weight in loaded.model.state_dict().items())


def test_a_damaged_gguf_file(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path / "cache"))
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(UsageError, match=r"tiny\.gguf cannot be loaded"):
        load_checkpoint(str(file))
    assert not [item for item in (tmp_path / "cache" / "unpacked").iterdir() if item.is_dir()]
