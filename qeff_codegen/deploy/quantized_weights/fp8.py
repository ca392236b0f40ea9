"""FP8 as DeepSeek-V3 and Qwen3-FP8 are published: floats of 8 bits with a scale for each block of a matrix.

For a matrix with R rows and C columns, in blocks of M rows and N columns (`weight_block_size`, 128 and 128 in both):

| tensor | type | shape |
|---|---|---|
| `NAME` | float8_e4m3fn, or float8_e5m2 | (R, C), or (experts, R, C) where experts are merged |
| `NAME_scale_inv` | float32, bfloat16, float16 or float8_e8m0fnu | (ceil(R / M), ceil(C / N)), or so for each |

A value times the scale of its block is the weight. Blocks at the lower and right edges are cut off, not squeezed: the
576 rows of DeepSeek-V3's `kv_a_proj_with_mqa` are four blocks of 128 and one of 64. Without `weight_block_size` there
is one scale for the whole matrix.
Source: DeepSeek-V3, `inference/kernel.py` (`weight_dequant`) and README_WEIGHTS.md; transformers 5.24.0,
`integrations/finegrained_fp8.py` (`FP8Linear`), which rounds the number of blocks up too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch

from qeff_codegen.deploy.quantized_weights.quantization import NotReadError, Quantization, Shape, StoredWeight

SCALE = "_scale_inv"


@dataclass(frozen=True)
class Fp8(Quantization):
    """FP8 with scales of blocks, or of whole matrices.

    Attributes:
        block: rows and columns of a block; None is the whole matrix.
    """

    METHOD = "fp8"
    READ = "weight_block_size of two numbers, or null for a scale of the whole matrix"
    needed = (SCALE, "")
    becomes = ""
    # Scales of activations and caches.
    dropped = (".activation_scale", ".input_scale", ".k_scale", ".v_scale")

    block: tuple[int, int] | None

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        block = settings.get("weight_block_size")
        if block is None:
            return cls(None)
        if not (isinstance(block, list) and len(block) == 2 and all(type(size) is int and size > 0 for size in block)):
            raise NotReadError(f"weight_block_size {block!r}")
        return cls((block[0], block[1]))

    @property
    def description(self) -> str:
        return "FP8, " + (
            f"blocks of {self.block[0]} x {self.block[1]}" if self.block else "one scale for each matrix"
        )

    def check(self, weight: StoredWeight) -> None:
        shape = weight.shape("")
        if len(shape) < 2:
            raise weight.damaged("", f"has shape {list(shape)}, and a matrix was expected")
        weight.expect("", shape, "F8_E4M3", "F8_E5M2")
        weight.expect(SCALE, self._scales(weight, shape), "F32", "BF16", "F16", "F8_E8M0")

    def dequantize(self, weight: StoredWeight) -> torch.Tensor:
        values, scales = weight.read("").to(torch.float32), weight.read(SCALE).to(torch.float32)
        if self.block is None:
            return values.mul_(scales)
        rows, columns = values.shape[-2:]
        of_columns = scales.repeat_interleave(self.block[1], -1)[..., :columns]
        return values.mul_(of_columns.repeat_interleave(self.block[0], -2)[..., :rows, :])

    def _scales(self, weight: StoredWeight, shape: Shape) -> Shape:
        """The shape that the scales of a matrix have."""
        if self.block is not None:
            return (*shape[:-2], -(-shape[-2] // self.block[0]), -(-shape[-1] // self.block[1]))
        one, found = ((), (1,), (*shape[:-2], 1, 1)), weight.shape(SCALE)
        return found if found in one else one[-1]
