"""MXFP4 as gpt-oss is published: floats of 4 bits with a power of two for each 32 of them.

Experts are merged. For E experts of I inputs and O outputs:

| tensor | type | shape | what |
|---|---|---|---|
| `NAME_blocks` | uint8 | (E, O, I / 32, 16) | two values in each byte, the first in the lower half |
| `NAME_scales` | uint8 | (E, O, I / 32) | the exponent of two, plus 127 |

The weight is (E, I, O): gpt-oss multiplies from the left. Values are read by transformers, which runs on the CPU.
Source: OCP Microscaling Formats (MX) Specification 1.0, sections 5.3.3 and 5.4.1; transformers 5.24.0,
`integrations/mxfp4.py` (`convert_moe_packed_tensors`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

from qeff_codegen.deploy.quantized_weights.quantization import Quantization, StoredWeight

BYTES_IN_A_BLOCK = 16


@dataclass(frozen=True)
class Mxfp4(Quantization):
    """MXFP4 of merged experts."""

    METHOD = "mxfp4"
    READ = "merged experts in NAME_blocks and NAME_scales"
    needed = ("_blocks", "_scales")
    becomes = ""

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        return cls()

    @property
    def description(self) -> str:
        return "MXFP4, blocks of 32"

    def check(self, weight: StoredWeight) -> None:
        experts, outputs, blocks, _ = weight.expect_dimensions("_blocks", 4)
        weight.expect("_blocks", (experts, outputs, blocks, BYTES_IN_A_BLOCK), "U8")
        weight.expect("_scales", (experts, outputs, blocks), "U8")

    def dequantize(self, weight: StoredWeight) -> torch.Tensor:
        values: torch.Tensor = convert_moe_packed_tensors(
            weight.read("_blocks"), weight.read("_scales"), dtype=torch.float32
        )
        return values
