"""A checkpoint's weights go from its files into the graph's: the same bytes as when all are loaded before."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from qeff_codegen.cli import progress
from qeff_codegen.cli.main import main
from qeff_codegen.deploy import auto_model, weights_on_disk
from qeff_codegen.deploy.auto_model import QEFFAutoModelForCausalLM
from qeff_codegen.deploy.tiny_checkpoint import tiny_checkpoint
from qeff_codegen.errors import UsageError
from qeff_codegen.export import graph_file, recipes
from qeff_codegen.export.deferred_tensors import is_deferred, recipe_of, stands_for
from qeff_codegen.export.recipes import NotDeferredError
from qeff_codegen.export.written_bytes import told_of_written_bytes
from qeff_codegen.files.artifact_store import RECORD, is_whole
from tests.deploy.quantized_weights import references
from tests.deploy.quantized_weights.checkpoints import is_linear, stored, write_both

CTX_LEN = 32
# Tied embeddings; experts that transformers merges; norms with a 1 folded in; layers that keep states; weights that
# stay float32 beside experts; weights that lie the other way round; scales of several layers in one.
FAMILIES = ("qwen2", "mixtral", "gemma", "bamba", "deepseek_v3", "gpt2", "apertus")
SEVERAL_WAYS = FAMILIES[:5]
AS_ASKED: dict[str, dict[str, Any]] = {
    "float32": {},
    "float16": {"dtype": "float16"},
    "functions": {"use_onnx_subfunctions": True},
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tiny weights count as large, and a few rows as a piece."""
    monkeypatch.setattr(weights_on_disk, "SMALLEST_BYTES", 1)
    monkeypatch.setattr(recipes, "PIECE_BYTES", 500)
    monkeypatch.setattr(graph_file, "MAX_EMBEDDED_BYTES", 1000)
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path / "cache"))


def saved(family: str, folder: Path, **config: Any) -> Path:
    """A tiny model in bfloat16, in several shards."""
    model = tiny_checkpoint(family).model
    model.config.update(config)
    model.to(torch.bfloat16).save_pretrained(folder, max_shard_size="20KB")
    return folder


def quantized(folder: Path, checkpoint: Path) -> Path:
    """`checkpoint` with its projections in fp8."""
    weights = {name: references.fp8(tensor, 16, 16) for name, tensor in stored(checkpoint).items() if is_linear(name)}
    settings = {"quant_method": "fp8", "activation_scheme": "dynamic", "fmt": "e4m3", "weight_block_size": [16, 16]}
    source, _ = write_both(folder, checkpoint, weights, settings)
    return source


def left_for_later(model: QEFFAutoModelForCausalLM) -> bool:
    """Whether every parameter is, of a model whose every tensor counts as large."""
    at_once = [name for name, tensor in model._model.named_parameters() if recipe_of(tensor) is None]
    assert not at_once, at_once
    return True


def graph_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != RECORD}


def exported(model: QEFFAutoModelForCausalLM, folder: Path, **spec: Any) -> dict[str, bytes]:
    return graph_bytes(model.export(folder, ctx_len=CTX_LEN, **spec).onnx_path.parent)


def loaded_before(source: Path, monkeypatch: pytest.MonkeyPatch, **arguments: Any) -> QEFFAutoModelForCausalLM:
    with monkeypatch.context() as at_once:
        at_once.setattr(auto_model, "weights_on_disk", lambda: nullcontext(SimpleNamespace(has_failed=False)))
        return QEFFAutoModelForCausalLM.from_pretrained(str(source), **arguments)


@pytest.mark.parametrize(
    ("family", "asked"),
    [(family, asked) for family in FAMILIES for asked in AS_ASKED if asked == "float32" or family in SEVERAL_WAYS],
)
def test_bytes_are_those_of_a_model_that_is_loaded_before(
    family: str, asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = saved(family, tmp_path / "model", **({"tie_word_embeddings": True} if family == "qwen2" else {}))
    arguments = {key: value for key, value in AS_ASKED[asked].items() if key == "dtype"}
    spec = {key: value for key, value in AS_ASKED[asked].items() if key != "dtype"}
    before = loaded_before(source, monkeypatch, **arguments)
    assert not is_deferred(before._model)
    later = QEFFAutoModelForCausalLM.from_pretrained(str(source), **arguments)
    assert left_for_later(later)
    expected = exported(before, tmp_path / "before", **spec)
    assert set(expected) == {"model.onnx", "model.onnx.data"}
    assert exported(later, tmp_path / "later", **spec) == expected
    # Nothing was loaded for it, and nothing is kept.
    assert left_for_later(later)


def test_bytes_are_the_same_of_dequantized_weights(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = quantized(tmp_path, checkpoint)
    expected = exported(loaded_before(source, monkeypatch, dtype="float16"), tmp_path / "before")
    later = QEFFAutoModelForCausalLM.from_pretrained(str(source), dtype="float16")
    assert left_for_later(later)
    assert exported(later, tmp_path / "later") == expected


def test_what_cannot_be_deferred_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = saved("llama", tmp_path / "model")
    expected = exported(loaded_before(source, monkeypatch), tmp_path / "before")

    def refuse(*arguments: Any) -> Any:
        raise NotDeferredError("drawn")

    assert left_for_later(QEFFAutoModelForCausalLM.from_pretrained(str(source)))
    with monkeypatch.context() as refused:
        refused.setattr("qeff_codegen.export.deferred_tensors._outlines", refuse)
        model = QEFFAutoModelForCausalLM.from_pretrained(str(source))
    assert not is_deferred(model._model)
    model = QEFFAutoModelForCausalLM.from_pretrained(str(source))
    assert left_for_later(model)
    monkeypatch.setattr("qeff_codegen.export.deferred_tensors._outlines", refuse)
    assert exported(model, tmp_path / "later") == expected
    assert not is_deferred(model._model)


def refused_to_make(tensor: torch.Tensor) -> None:
    """Gives a deferred tensor a recipe that cannot be made any more."""

    def refuse() -> torch.Tensor:
        raise NotDeferredError("a tensor has changed that others are made of")

    own = recipe_of(tensor)
    assert own is not None
    other = stands_for(recipes.Made(own.size, own.stride, own.dtype, refuse))
    tensor.data = other.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())


@pytest.mark.parametrize("use", ["export", "model", "dynamo"])
def test_what_cannot_be_made_later_is_loaded_again(use: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = saved("llama", tmp_path / "model")
    before = loaded_before(source, monkeypatch)
    model = QEFFAutoModelForCausalLM.from_pretrained(str(source))
    refused_to_make(model._model.model.layers[0].mlp.up_proj.weight)
    if use == "model":
        expected, found = before.model.state_dict(), model.model.state_dict()
        assert found.keys() == expected.keys()
        assert all(torch.equal(tensor, expected[name]) for name, tensor in found.items())
    else:
        spec = {"dynamo": use == "dynamo"}
        assert exported(model, tmp_path / "later", **spec) == exported(before, tmp_path / "before", **spec)
    assert not is_deferred(model._model)


def test_what_is_loaded_again_is_the_same_checkpoint(tmp_path: Path) -> None:
    source = saved("llama", tmp_path / "model")
    model = QEFFAutoModelForCausalLM.from_pretrained(str(source))
    refused_to_make(model._model.model.embed_tokens.weight)
    rewritten(sorted(source.glob("*.safetensors"))[1])
    with pytest.raises(UsageError, match="changed since it was loaded"):
        model.export(tmp_path / "out", ctx_len=CTX_LEN)
    assert not list((tmp_path / "out").iterdir())


def test_the_model_has_its_weights_for_who_asks_for_it(tmp_path: Path) -> None:
    source = saved("llama", tmp_path / "model")
    expected = {name: tensor for shard in source.glob("*.safetensors") for name, tensor in load_file(shard).items()}
    state = QEFFAutoModelForCausalLM.from_pretrained(str(source)).model.state_dict()
    for name, tensor in expected.items():
        assert torch.equal(state[name], tensor.float()), name


def test_a_file_that_is_cut_short_is_named(tmp_path: Path) -> None:
    source = saved("llama", tmp_path / "model")
    shard = sorted(source.glob("*.safetensors"))[0]
    shard.write_bytes(shard.read_bytes()[:-8])
    result = CliRunner().invoke(main, ["compile", str(source), "--output", str(tmp_path / "out")])
    assert result.exit_code == 2, result.output
    assert f"{shard} is damaged" in result.stderr and "Copy the model's folder again" in result.stderr, result.stderr
    assert not (tmp_path / "out").exists()


def rewritten(shard: Path) -> None:
    """Other numbers, in the same file of the same size."""
    size = 8 + int.from_bytes(shard.read_bytes()[:8], "little")
    with shard.open("r+b") as file:
        file.seek(size)
        file.write(bytes(shard.stat().st_size - size))


def replaced(shard: Path) -> None:
    """Another file of the same size and time, as `rsync` and `cp -p` leave it."""
    other, before = shard.with_name("other"), shard.stat()
    other.write_bytes(shard.read_bytes())
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.rename(shard)


def cut_short(shard: Path) -> None:
    """As a copy leaves it that ends too early."""
    os.truncate(shard, shard.stat().st_size - 8)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (rewritten, "was written to"),
        (replaced, "was replaced"),
        (cut_short, "bytes and had"),
        (Path.unlink, "is gone"),
    ],
)
def test_a_file_that_changes_after_loading_is_named_and_nothing_is_written(
    change: Callable[[Path], None], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = saved("llama", tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    model = QEFFAutoModelForCausalLM.from_pretrained("model")
    shard = sorted(source.glob("*.safetensors"))[1]
    change(shard)
    # Where a relative path leads elsewhere.
    monkeypatch.chdir("/")
    for use in (lambda: model.export(tmp_path / "out", ctx_len=CTX_LEN), lambda: model.model):
        with pytest.raises(UsageError, match=said) as refused:
            use()
        assert str(shard) in str(refused.value) and "Load the model again" in str(refused.value)
        assert "cannot be written" not in str(refused.value)
    assert not list((tmp_path / "out").iterdir())


def test_a_quantized_file_that_changes_after_loading_is_named(checkpoint: Path, tmp_path: Path) -> None:
    source = quantized(tmp_path, checkpoint)
    model = QEFFAutoModelForCausalLM.from_pretrained(str(source), dtype="float16")
    (shard,) = source.glob("*.safetensors")
    rewritten(shard)
    with pytest.raises(UsageError, match="was written to") as refused:
        model.export(tmp_path / "out", ctx_len=CTX_LEN)
    assert str(shard) in str(refused.value)


def test_a_missing_weight_is_named(tmp_path: Path) -> None:
    source = saved("llama", tmp_path / "model")
    tensors = {name: tensor for shard in source.glob("*.safetensors") for name, tensor in load_file(shard).items()}
    for file in source.glob("model*"):
        file.unlink()
    del tensors["model.layers.0.mlp.up_proj.weight"]
    save_file(tensors, source / "model.safetensors", {"format": "pt"})
    result = CliRunner().invoke(main, ["compile", str(source), "--output", str(tmp_path / "out")])
    assert result.exit_code == 2 and "lacks the weights model.layers.0.mlp.up_proj.weight" in result.stderr


def test_written_bytes_are_told(tmp_path: Path) -> None:
    model = QEFFAutoModelForCausalLM.from_pretrained(str(saved("llama", tmp_path / "model")))
    told: list[tuple[int, int]] = []
    with told_of_written_bytes(lambda done, total: told.append((done, total))):
        files = exported(model, tmp_path / "out")
    total = told[-1][1]
    assert told[0] == (0, total) and told[-1] == (total, total)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    # Initializers of a few numbers stand in the graph itself.
    assert total * 0.9 < len(files["model.onnx.data"]) <= total


def test_a_bar_shows_them_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from qeff_codegen.export.written_bytes import tell_written

    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress.written_bytes_shown():
        for done in (0, 2_000_000, 4_000_000):
            tell_written(done, 4_000_000)
    shown = capsys.readouterr().err
    assert "writing weights" in shown and "4.0" in shown and "MB" in shown


def _export(source: str, store: str) -> None:
    torch.set_num_threads(1)
    weights_on_disk.SMALLEST_BYTES, graph_file.MAX_EMBEDDED_BYTES = 1, 1000
    # Long enough to be killed between two weights.
    with told_of_written_bytes(lambda done, total: time.sleep(0.02)):
        QEFFAutoModelForCausalLM.from_pretrained(source).export(Path(store), ctx_len=CTX_LEN)


def test_a_store_is_right_after_ten_kills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = saved("qwen2", tmp_path / "model")
    expected = exported(loaded_before(source, monkeypatch), tmp_path / "before")
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    store = tmp_path / "store"

    def started() -> Any:
        process = processes.Process(target=_export, args=(str(source), str(store)))
        process.start()
        return process

    def artifacts() -> list[Path]:
        return [folder for folder in store.glob("model-*") if folder.is_dir()]

    def begun_weights() -> set[Path]:
        # Unlike `glob`, `walk` passes over folders that go meanwhile.
        files = {Path(folder, name) for folder, _, names in os.walk(store) for name in names}
        return {file for file in files if file.suffix == ".data" and ".unfinished-" in str(file)}

    # The first imports what the others find imported.
    for _ in range(2):
        begun = time.monotonic()
        whole = started()
        whole.join()
        seconds = time.monotonic() - begun
        assert whole.exitcode == 0
        artifacts()[0].rename(tmp_path / f"aside-{time.monotonic_ns()}")
    moments = random.Random(0)
    killed = 0
    for number in range(10):
        for folder in artifacts():
            folder.rename(tmp_path / f"aside-{time.monotonic_ns()}")
        left_before = begun_weights()
        process = started()
        is_writing = number % 2 == 0
        if is_writing:
            while not begun_weights() - left_before:
                assert process.is_alive()
                time.sleep(0.002)
            time.sleep(moments.uniform(0, 0.1))
        else:
            time.sleep(moments.uniform(0.1, 1) * seconds)
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        assert all(is_whole(folder) for folder in artifacts())
        if is_writing:
            # What it had begun is there still, and nothing is in its place.
            assert process.exitcode == -signal.SIGKILL
            assert begun_weights() - left_before and not artifacts()
    assert killed >= 5
    for folder in artifacts():
        folder.rename(tmp_path / "aside")
    last = started()
    last.join()
    assert last.exitcode == 0
    (folder,) = artifacts()
    assert is_whole(folder) and graph_bytes(folder) == expected
    # What the killed ones had begun is gone.
    assert [path.name for path in store.iterdir()] == [folder.name]
    assert json.loads((folder / RECORD).read_text())["files"].keys() == expected.keys()
