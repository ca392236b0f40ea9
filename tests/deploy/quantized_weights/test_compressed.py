"""What compressed-tensors' own compressors write is read as the weights that they quantized."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.deploy.quantized_weights.checkpoints import (
    Tensors,
    assert_loads_as,
    is_linear,
    refusal,
    stored,
    write,
)
from tests.deploy.quantized_weights.compressed_copies import (
    ALL_TOKENS_FLOAT,
    EACH_TOKEN,
    EACH_TOKEN_FLOAT,
    FLOAT8,
    INT4,
    INT8,
    compress,
    groups,
)


@pytest.mark.parametrize(
    ("weights", "activations", "words"),
    [
        (INT8, EACH_TOKEN, "int-quantized 8-bit int by channel"),
        (INT4, None, "pack-quantized 4-bit int by group of 16"),
        ({**INT4, "symmetric": False}, None, "pack-quantized 4-bit int by group of 16"),
        ({**INT8, "symmetric": False}, None, "pack-quantized 8-bit int by channel"),
        (FLOAT8, EACH_TOKEN_FLOAT, "float-quantized 8-bit float by channel"),
        ({**FLOAT8, "strategy": "tensor"}, ALL_TOKENS_FLOAT, "float-quantized 8-bit float by tensor"),
        (
            {**FLOAT8, "strategy": "block", "block_structure": [16, 16]},
            EACH_TOKEN_FLOAT,
            "float-quantized 8-bit float by block",
        ),
    ],
)
def test_weights_are_those_that_were_compressed(
    checkpoint: Path, tmp_path: Path, weights: dict[str, Any], activations: dict[str, Any] | None, words: str
) -> None:
    folders = compress(checkpoint, tmp_path, groups(weights, activations))
    assert_loads_as(*folders, 14, f"compressed-tensors, {words}, read by compressed-tensors ")


def test_modules_of_several_groups(checkpoint: Path, tmp_path: Path) -> None:
    several = {
        "group_0": {"targets": ["re:.*self_attn.*"], "weights": FLOAT8, "input_activations": EACH_TOKEN_FLOAT},
        "group_1": {"targets": ["Linear"], "weights": INT4},
    }
    several["group_1"]["targets"] = ["re:.*mlp.*"]
    words = "float-quantized 8-bit float by channel; pack-quantized 4-bit int by group of 16"
    assert_loads_as(*compress(checkpoint, tmp_path, several), 14, f"compressed-tensors, {words}")


def test_bfloat16_scales_do_not_round_the_weights(checkpoint: Path, tmp_path: Path) -> None:
    tensors, plain = stored(checkpoint), stored(checkpoint)
    for name in [name for name in tensors if is_linear(name)]:
        scale = (tensors[name].abs().amax(1, keepdim=True) / 127).to(torch.bfloat16)
        integers = torch.round(tensors[name] / scale.float()).to(torch.int8)
        tensors |= {name: integers, name + "_scale": scale}
        plain[name] = integers.float() * scale.float()
    settings = {
        "quant_method": "compressed-tensors",
        "format": "int-quantized",
        "quantization_status": "compressed",
        "config_groups": groups(INT8, EACH_TOKEN),
    }
    folders = write(tmp_path / "q", checkpoint, tensors, settings), write(tmp_path / "p", checkpoint, plain, None)
    assert_loads_as(*folders, 14, "compressed-tensors, int-quantized 8-bit int by channel")


def changed(folder: Path, checkpoint: Path, settings: dict[str, Any], tensors: Tensors | None = None) -> Path:
    base = {"quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": groups(INT4)}
    return write(folder, checkpoint, tensors or stored(checkpoint), base | settings)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"format": "nvfp4-pack-quantized"}, "format nvfp4-pack-quantized"),
        ({"sparsity_config": {"format": "sparse-24-bitmask"}}, "sparsity_config of the format sparse-24-bitmask"),
        ({"transform_config": {"config_groups": {"R1": {}}}}, "a transform_config"),
        ({"config_groups": groups({**INT4, "num_bits": 3})}, "3-bit int by group of 16"),
        ({"config_groups": groups({**INT4, "actorder": "group"})}, "actorder='group' has been removed"),
        ({"config_groups": {"group_0": {"targets": ["Embedding"], "weights": INT8}}}, "targets ['Embedding']"),
    ],
)
def test_what_is_not_read_is_named(checkpoint: Path, tmp_path: Path, settings: dict[str, Any], named: str) -> None:
    message = refusal(changed(tmp_path / "model", checkpoint, settings))
    assert "says that the weights are quantized by compressed-tensors with " in message
    assert named in message


def test_groups_of_another_size_than_the_files_have(checkpoint: Path, tmp_path: Path) -> None:
    folder, _ = compress(checkpoint, tmp_path, groups(INT4))
    other = changed(
        tmp_path / "other", checkpoint, {"config_groups": groups({**INT4, "group_size": 8})}, stored(folder)
    )
    name = "model.layers.0.mlp.down_proj.weight_scale"
    assert f"{other / 'model.safetensors'}: {name} has shape [32, 3], and [32, 6] was expected.\n" in refusal(other)


def test_a_module_that_no_group_names(checkpoint: Path, tmp_path: Path) -> None:
    folder, _ = compress(checkpoint, tmp_path, groups(INT4))
    only = {"group_0": {"targets": ["re:.*mlp.*"], "weights": INT4}}
    other = changed(tmp_path / "other", checkpoint, {"config_groups": only}, stored(folder))
    assert "self_attn.k_proj.weight_scale belongs to no group" in refusal(other)


def test_weights_that_are_not_compressed(checkpoint: Path, tmp_path: Path) -> None:
    tensors = stored(checkpoint)
    name = "model.layers.0.mlp.up_proj.weight"
    tensors[name + "_scale"] = torch.ones(48, 1)
    settings = {"format": "int-quantized", "config_groups": groups(INT8, EACH_TOKEN)}
    folder = changed(tmp_path / "model", checkpoint, settings, tensors)
    assert f"{name} is of type F32, and I8 was expected.\n" in refusal(folder)
