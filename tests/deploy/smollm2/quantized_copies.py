"""SmolLM2's weights in the formats that checkpoints are published in, and what those files stand for, as floats.

FP8 is written by transformers' own quantizer. AutoAWQ and GPTQModel need a GPU or a compiler to be installed; their
layouts are written here, rounded to nearest. compressed-tensors' are in `tests/deploy/quantized_weights`.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from transformers import FineGrainedFP8Config
from transformers.integrations.finegrained_fp8 import Fp8Quantize

from tests.deploy.quantized_weights.checkpoints import Quantized, is_linear, stored, write_both
from tests.deploy.quantized_weights.references import AWQ_ORDER

Folders = tuple[Path, Path]

GROUP = 64  # columns that share a scale; SmolLM2's 576 and 1,536 are multiples of it
BLOCK = (64, 64)
AWQ = {"quant_method": "awq", "bits": 4, "group_size": GROUP, "version": "gemm", "zero_point": True}
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": GROUP, "desc_act": False}
FP8 = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": list(BLOCK)}


def fp8(source: Path, folder: Path) -> Folders:
    """As DeepSeek-V3 and Qwen3-FP8 are published."""
    operation: Any = Fp8Quantize(SimpleNamespace(quantization_config=FineGrainedFP8Config(weight_block_size=BLOCK)))
    made = {}
    for name, weight in linears(source).items():
        parts = operation.convert({name: weight})
        scales = parts[f"{name}_scale_inv"].repeat_interleave(BLOCK[0], 0).repeat_interleave(BLOCK[1], 1)
        ends = {"." + part.rpartition(".")[2]: tensor.contiguous() for part, tensor in parts.items()}
        made[name] = Quantized(ends, parts[name].float() * scales)
    return write_both(folder, source, made, FP8)


def awq(source: Path, folder: Path) -> Folders:
    """AWQ's layout gemm: eight outputs in a word, in an order of its own."""
    made = {}
    for name, weight in linears(source).items():
        integers, zeros, scales, floats = rounded(weight)
        parts = {
            ".qweight": words(integers.T[:, _eights(len(weight))]),
            ".qzeros": words(zeros.T[:, _eights(len(weight))]),
            ".scales": scales.T.contiguous(),
        }
        made[name] = Quantized(parts, floats)
    return write_both(folder, source, made, AWQ)


def gptq(source: Path, folder: Path) -> Folders:
    """GPTQ's first layout: eight inputs in a word, zero points less one."""
    made = {}
    for name, weight in linears(source).items():
        integers, zeros, scales, floats = rounded(weight)
        parts = {
            ".qweight": words(integers).T.contiguous(),
            ".qzeros": words((zeros.T - 1) % 16),
            ".scales": scales.T.contiguous(),
            ".g_idx": (torch.arange(weight.shape[1]) // GROUP).to(torch.int32),
        }
        made[name] = Quantized(parts, floats)
    return write_both(folder, source, made, GPTQ)


def linears(source: Path) -> dict[str, torch.Tensor]:
    """What is quantized, (outputs, inputs) each."""
    return {name: weight for name, weight in stored(source).items() if is_linear(name)}


def rounded(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A weight (outputs, inputs) in 4 bits.

    Returns:
        Integers (outputs, inputs), zero points and float16 scales (outputs, groups) and the floats that these stand
        for.
    """
    grouped = weight.unflatten(1, (-1, GROUP))
    low, high = grouped.amin(2).clamp(max=0), grouped.amax(2).clamp(min=0)
    scales = ((high - low) / 15).to(torch.float16)
    # GPTQ's first layout has no word for a zero point of 0.
    zeros = (-low / scales.float()).round().clamp(1, 15).to(torch.int64)
    spread, offset = scales.float()[:, :, None], zeros[:, :, None]
    integers = (grouped / spread + offset).round().clamp(0, 15).to(torch.int64)
    return integers.flatten(1), zeros, scales, ((integers - offset).float() * spread).flatten(1)


def words(integers: torch.Tensor) -> torch.Tensor:
    """(rows, columns) of 4 bits in int32 (rows, columns / 8), the first in the lowest bits."""
    word = sum(integers[:, place::8] << (4 * place) for place in range(8))
    assert isinstance(word, torch.Tensor)
    return torch.where(word >= 2**31, word - 2**32, word).to(torch.int32).contiguous()


def _eights(count: int) -> torch.Tensor:
    """Indices of all, each eight in AWQ's order."""
    return (torch.arange(0, count, 8)[:, None] + torch.tensor(AWQ_ORDER)).flatten()
