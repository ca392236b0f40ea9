"""A file that is cut short or does not hold what it should is named before anything is made of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel

from tests.deploy.quantized_weights import references
from tests.deploy.quantized_weights.checkpoints import is_linear, refusal, stored, write, write_both

CONFIG = {"quant_method": "awq", "bits": 4, "group_size": 16, "version": "gemm", "zero_point": True}
UP = "model.layers.1.mlp.up_proj"


@pytest.fixture
def weights(checkpoint: Path) -> dict[str, references.Quantized]:
    return {
        name: references.awq(tensor.shape, 16, seed)
        for seed, (name, tensor) in enumerate(stored(checkpoint).items())
        if is_linear(name)
    }


@pytest.fixture
def folder(checkpoint: Path, tmp_path: Path, weights: dict[str, references.Quantized]) -> Path:
    return write_both(tmp_path, checkpoint, weights, CONFIG)[0]


def sharded(folder: Path) -> tuple[Path, Path]:
    """The folder's tensors in two files: every other name in each, so that a weight's parts are in both."""
    tensors = stored(folder)
    (folder / "model.safetensors").unlink()
    shards = folder / "model-1.safetensors", folder / "model-2.safetensors"
    where = {name: shards[place % 2] for place, name in enumerate(sorted(tensors))}
    for shard in shards:
        save_file({name: tensor for name, tensor in tensors.items() if where[name] == shard}, shard, {"format": "pt"})
    weight_map = {name: shard.name for name, shard in where.items()}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return shards


def test_parts_of_a_weight_may_be_in_several_files(folder: Path) -> None:
    from qeff_codegen.deploy.checkpoint import load_checkpoint

    whole = load_checkpoint(str(folder))
    sharded(folder)
    apart = load_checkpoint(str(folder))
    assert apart.sha256 != whole.sha256
    expected = whole.model.state_dict()
    assert all(torch.equal(weight, expected[name]) for name, weight in apart.model.state_dict().items())


def test_a_file_that_is_cut_short(folder: Path) -> None:
    _, second = sharded(folder)
    second.write_bytes(second.read_bytes()[:-100])
    message = refusal(folder)
    assert f"{second} is damaged: " in message and "nothing was exported" in message


def test_a_tensor_that_its_file_does_not_hold(folder: Path) -> None:
    first, _ = sharded(folder)
    index = folder / "model.safetensors.index.json"
    settings = json.loads(index.read_text())
    settings["weight_map"]["model.extra.weight"] = first.name
    index.write_text(json.dumps(settings))
    assert f"{first} lacks model.extra.weight, which model.safetensors.index.json says it holds" in refusal(folder)


@pytest.mark.parametrize("part", [".qzeros", ".scales"])
def test_a_part_that_is_missing(
    checkpoint: Path, tmp_path: Path, weights: dict[str, references.Quantized], part: str
) -> None:
    del weights[f"{UP}.weight"].parts[part]
    folder, _ = write_both(tmp_path, checkpoint, weights, CONFIG)
    expected = f"{folder / 'model.safetensors'} has {UP}.qweight, but {UP}{part} is in none of the files."
    assert expected in refusal(folder)


def test_parts_whose_integers_are_missing(
    checkpoint: Path, tmp_path: Path, weights: dict[str, references.Quantized]
) -> None:
    del weights[f"{UP}.weight"].parts[".qweight"]
    folder, _ = write_both(tmp_path, checkpoint, weights, CONFIG)
    assert f"has {UP}.qzeros, but {UP}.qweight is in none of the files." in refusal(folder)


def test_a_whole_weight_that_is_missing(
    checkpoint: Path, tmp_path: Path, weights: dict[str, references.Quantized]
) -> None:
    weights[f"{UP}.weight"].parts.clear()
    folder, _ = write_both(tmp_path, checkpoint, weights, CONFIG)
    assert refusal(folder).startswith(f"{folder} lacks the weights {UP}.weight.\n")


def test_a_weight_that_is_missing_where_nothing_is_quantized(checkpoint: Path, tmp_path: Path) -> None:
    tensors = stored(checkpoint)
    del tensors[f"{UP}.weight"]
    folder = write(tmp_path / "model", checkpoint, tensors, None)
    assert refusal(folder).startswith(f"{folder} lacks the weights {UP}.weight.\n")


@pytest.mark.parametrize(
    ("part", "shape", "found"),
    [
        (".qzeros", (2, 5), "has shape [2, 5], and [2, 6] was expected"),
        (".scales", (3, 48), "has shape [3, 48], and [2, 48] was expected"),
        (".qweight", (32,), "has shape [32], and 2 dimensions were expected"),
    ],
)
def test_a_part_of_another_shape(
    checkpoint: Path,
    tmp_path: Path,
    weights: dict[str, references.Quantized],
    part: str,
    shape: tuple[int, ...],
    found: str,
) -> None:
    parts = weights[f"{UP}.weight"].parts
    parts[part] = torch.zeros(shape, dtype=parts[part].dtype)
    folder, _ = write_both(tmp_path, checkpoint, weights, CONFIG)
    assert f"{folder / 'model.safetensors'}: {UP}{part} {found}.\n" in refusal(folder)


def test_a_part_of_another_type(checkpoint: Path, tmp_path: Path, weights: dict[str, references.Quantized]) -> None:
    parts = weights[f"{UP}.weight"].parts
    parts[".qweight"] = parts[".qweight"].to(torch.int64)
    folder, _ = write_both(tmp_path, checkpoint, weights, CONFIG)
    assert f"{UP}.qweight is of type I64, and I32 was expected.\n" in refusal(folder)


def test_a_weight_of_another_shape_than_the_model_has(
    checkpoint: Path, tmp_path: Path, weights: dict[str, references.Quantized]
) -> None:
    weights[f"{UP}.weight"] = references.awq((56, 32), 16, seed=0)
    folder, _ = write_both(tmp_path, checkpoint, weights, CONFIG)
    assert f"{folder}: {UP}.weight has shape [56, 32], and the model has [48, 32].\n" in refusal(folder)


def test_no_quantized_weight_at_all(checkpoint: Path, tmp_path: Path) -> None:
    folder = write(tmp_path / "model", checkpoint, stored(checkpoint), CONFIG)
    assert f"{folder} has no quantized weight, though its config.json says awq" in refusal(folder)


def test_an_unknown_method(checkpoint: Path, tmp_path: Path) -> None:
    folder = write(tmp_path / "model", checkpoint, stored(checkpoint), {"quant_method": "aqlm"})
    message = refusal(folder)
    assert "is quantized by" not in message
    assert f"{folder / 'config.json'} says that the weights are quantized by quant_method aqlm, which" in message
    for method in ("fp8", "mxfp4", "awq", "gptq", "compressed-tensors"):
        assert f"\n  {method}: " in message


def test_layers_that_store_their_weights_the_other_way_round(
    tmp_path: Path, weights: dict[str, references.Quantized]
) -> None:
    model = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=32, n_layer=1, n_head=4, n_positions=32))
    model.save_pretrained(tmp_path / "source")
    name = "transformer.h.0.attn.c_proj.weight"
    assert name in stored(tmp_path / "source")
    folder, _ = write_both(tmp_path, tmp_path / "source", {name: references.awq((32, 32), 16, 0)}, CONFIG)
    assert "attn.c_attn is a Conv1D, which stores its weight the other way round" in refusal(folder)
