"""What compressed-tensors' own compressors write is read as the weights that they quantized."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from compressed_tensors.compressors import ModelCompressor
from compressed_tensors.quantization import QuantizationConfig, apply_quantization_config
from compressed_tensors.quantization.utils import calculate_qparams
from transformers import AutoModelForCausalLM

from tests.deploy.quantized_weights.checkpoints import (
    Tensors,
    assert_loads_as,
    is_linear,
    refusal,
    stored,
    write,
)

INT8 = {"num_bits": 8, "type": "int", "strategy": "channel"}
INT4 = {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 16}
FLOAT8 = {"num_bits": 8, "type": "float", "strategy": "channel"}
EACH_TOKEN = {"num_bits": 8, "type": "int", "strategy": "token", "dynamic": True}
EACH_TOKEN_FLOAT = {**EACH_TOKEN, "type": "float"}
ALL_TOKENS_FLOAT = {"num_bits": 8, "type": "float", "strategy": "tensor", "dynamic": False}


def groups(weights: dict[str, Any], activations: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"group_0": {"targets": ["Linear"], "weights": weights, "input_activations": activations}}


def compress(source: Path, folder: Path, config_groups: dict[str, Any]) -> tuple[Path, Path]:
    """The checkpoint as the package's compressors store it, and the weights that they quantized, as floats."""
    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
    apply_quantization_config(model, QuantizationConfig(config_groups=config_groups, ignore=["lm_head"]))
    plain = stored(source)
    for name, module in model.named_modules():
        scheme = getattr(module, "quantization_scheme", None)
        if scheme is not None:
            plain[f"{name}.weight"] = quantize(module, scheme.weights)
    compressor = ModelCompressor.from_pretrained_model(model)
    compressor.compress_model(model)
    # A head that is the embedding is stored once.
    own = {name for name, _ in model.named_parameters()} | {name for name, _ in model.named_buffers()}
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items() if name in own}
    settings = compressor.quantization_config.model_dump(mode="json")
    return write(folder / "quantized", source, tensors, settings), write(folder / "plain", source, plain, None)


def quantize(module: Any, arguments: Any) -> torch.Tensor:
    """Give a module its scales, and return its weight rounded to what they let it be."""
    weight = module.weight.detach()
    rows, columns = cells(arguments, *weight.shape)
    blocks = weight.reshape(weight.shape[0] // rows, rows, weight.shape[1] // columns, columns)
    scale, zero = calculate_qparams(blocks.amin((1, 3)), blocks.amax((1, 3)), arguments)
    module.weight_scale.data = scale.reshape(module.weight_scale.shape).contiguous()
    spread = scale[:, None, :, None]
    if arguments.type == "float":
        return ((blocks / spread).clamp(-448, 448).to(torch.float8_e4m3fn).float() * spread).reshape(weight.shape)
    offset = torch.zeros_like(spread) if arguments.symmetric else zero[:, None, :, None].float()
    if not arguments.symmetric:
        module.weight_zero_point.data = zero.reshape(module.weight_zero_point.shape).contiguous()
    limit = 2 ** (arguments.num_bits - 1)
    integers = (torch.round(blocks / spread + offset)).clamp(-limit, limit - 1)
    return ((integers - offset) * spread).reshape(weight.shape)


def cells(arguments: Any, outputs: int, inputs: int) -> tuple[int, int]:
    """How many rows and columns a scale is for."""
    sizes = {"tensor": (outputs, inputs), "channel": (1, inputs), "group": (1, arguments.group_size)}
    return sizes.get(arguments.strategy) or tuple(arguments.block_structure)


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
