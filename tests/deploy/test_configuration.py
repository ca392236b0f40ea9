"""Published configurations whose numbers have other types than their fields are read, and it is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from qeff_codegen.cli.main import main
from qeff_codegen.deploy.checkpoint import load_checkpoint
from qeff_codegen.deploy.configuration import read_configuration
from qeff_codegen.errors import UsageError


def written(folder: Path, **settings: Any) -> Path:
    (folder / "config.json").write_text(json.dumps(settings))
    return folder


def test_a_flag_given_as_a_count_is_a_flag(tmp_path: Path) -> None:
    text = {"model_type": "llama4_text", "attn_temperature_tuning": 4}
    read = read_configuration(written(tmp_path, model_type="llama4", text_config=text))
    assert read.config.text_config.attn_temperature_tuning is True
    place = "text_config.attn_temperature_tuning"
    assert read.remarks == (f"{place}: 4 of config.json is read as true, in the type of that field",)


def test_a_limit_given_as_a_whole_number_is_a_float(tmp_path: Path) -> None:
    read = read_configuration(written(tmp_path, model_type="mpt", attn_config={"clip_qkv": 6}))
    clip = read.config.attn_config.clip_qkv
    assert (clip, type(clip)) == (6.0, float)
    assert read.remarks == ("attn_config.clip_qkv: 6 of config.json is read as 6.0, in the type of that field",)


def test_several_numbers_are_each_read_and_said(tmp_path: Path) -> None:
    read = read_configuration(written(tmp_path, model_type="llama", hidden_size=64.0, rms_norm_eps=1))
    assert (read.config.hidden_size, type(read.config.hidden_size)) == (64, int)
    assert type(read.config.rms_norm_eps) is float
    assert len(read.remarks) == 2


@pytest.mark.parametrize("value", ["64", 64.5])
def test_what_is_no_such_number_is_left_to_transformers(tmp_path: Path, value: object) -> None:
    read = read_configuration(written(tmp_path, model_type="llama", hidden_size=value))
    assert read.config is None and read.remarks == ()


def test_a_configuration_that_is_taken_is_left_alone(checkpoint: Path) -> None:
    assert read_configuration(checkpoint).config is None


def test_a_checkpoint_with_another_type_loads_and_compile_says_so(
    checkpoint: Path, compiler: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "model"
    shutil.copytree(checkpoint, folder)
    settings = json.loads((folder / "config.json").read_text())
    written(folder, **{**settings, "rms_norm_eps": 1, "attention_bias": 0})
    loaded = load_checkpoint(str(folder))
    assert loaded.model.config.attention_bias is False and loaded.tokenizer is not None
    arguments = [
        "compile",
        str(folder),
        "--ctx-len",
        "16",
        "--prefill-seq-len",
        "4",
        "--output",
        str(tmp_path / "out"),
    ]
    outcome = CliRunner().invoke(main, arguments)
    assert outcome.exit_code == 0, outcome.output
    assert "remark     rms_norm_eps: 1 of config.json is read as 1.0, in the type of that field\n" in outcome.output
    written(folder, **{**settings, "hidden_size": "32"})
    with pytest.raises(UsageError, match="expected int, got str"):
        load_checkpoint(str(folder))
