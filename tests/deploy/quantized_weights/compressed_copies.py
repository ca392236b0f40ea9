"""A checkpoint as compressed-tensors' own compressors store it, and the weights that they quantized."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from compressed_tensors.compressors import ModelCompressor
from compressed_tensors.quantization import QuantizationConfig, apply_quantization_config
from compressed_tensors.quantization.utils import calculate_qparams
from transformers import AutoModelForCausalLM

from tests.deploy.quantized_weights.checkpoints import stored, write

INT8 = {"num_bits": 8, "type": "int", "strategy": "channel"}
INT4 = {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 16}
FLOAT8 = {"num_bits": 8, "type": "float", "strategy": "channel"}
EACH_TOKEN = {"num_bits": 8, "type": "int", "strategy": "token", "dynamic": True}
EACH_TOKEN_FLOAT = {**EACH_TOKEN, "type": "float"}
ALL_TOKENS_FLOAT = {"num_bits": 8, "type": "float", "strategy": "tensor", "dynamic": False}


def groups(weights: dict[str, Any], activations: dict[str, Any] | None = None) -> dict[str, Any]:
    """A scheme for all linear modules."""
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


def w8a8(source: Path, folder: Path) -> tuple[Path, Path]:
    """8 bits, a scale for each row."""
    return compress(source, folder, groups(INT8, EACH_TOKEN))


def w4a16(source: Path, folder: Path, group_size: int = 16) -> tuple[Path, Path]:
    """4 bits, a scale for each group of columns."""
    return compress(source, folder, groups({**INT4, "group_size": group_size}))
