"""AWQ, as AutoAWQ writes it: 4-bit integers with a scale and a zero point for each group of inputs.

What a linear layer of I inputs and O outputs has in the layout `gemm`, with groups of G inputs:

| tensor | type | shape | what |
|---|---|---|---|
| `qweight` | int32 | (I, O / 8) | 8 outputs of one input in each word |
| `qzeros` | int32 | (I / G, O / 8) | their zero points, packed alike |
| `scales` | float16 | (I / G, O) | |

Bits 4 k to 4 k + 3 of a word hold the output 0, 2, 4, 6, 1, 3, 5 or 7 for k from 0 to 7. The weight of output o and
input i is `(q - zero) * scale`, with the zero point and the scale of group i // G; a group size of -1 is one group of
all inputs.
Source: AutoAWQ 0.2.9, `awq/modules/linear/gemm.py` (`WQLinear_GEMM.from_linear`) and `awq/utils/packing_utils.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch

from qeff_codegen.deploy.quantized_weights.packed_integers import WORD, unpack_columns
from qeff_codegen.deploy.quantized_weights.quantization import NotReadError, Quantization, StoredWeight, whole_number

BITS = 4
PER_WORD = WORD // BITS
# The place in its word of each of 8 outputs.
PLACES = [0, 4, 1, 5, 2, 6, 3, 7]


@dataclass(frozen=True)
class Awq(Quantization):
    """AWQ's layout `gemm`.

    Attributes:
        group_size: of how many inputs; -1 is all.
    """

    METHOD = "awq"
    READ = "bits 4, version gemm, zero_point true"
    needed = (".qweight", ".qzeros", ".scales")

    group_size: int

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        bits = whole_number(settings, "bits", "w_bit")
        if bits != BITS:
            raise NotReadError(f"bits {bits}")
        version = str(settings.get("version", "gemm")).lower()
        if version != "gemm":
            raise NotReadError(f"version {version}")
        if settings.get("zero_point", True) is not True:
            raise NotReadError(f"zero_point {settings['zero_point']!r}")
        return cls(whole_number(settings, "group_size", "q_group_size"))

    @property
    def description(self) -> str:
        return f"AWQ, {BITS} bits, {groups_of(self.group_size)}"

    def check(self, weight: StoredWeight) -> None:
        inputs, words = weight.expect_dimensions(".qweight", 2)
        groups = number_of_groups(inputs, self.group_size)
        weight.expect(".qweight", (inputs, words), "I32")
        weight.expect(".qzeros", (groups, words), "I32")
        weight.expect(".scales", (groups, words * PER_WORD), "F16", "BF16", "F32")

    def dequantize(self, weight: StoredWeight) -> torch.Tensor:
        inputs = weight.shape(".qweight")[0]
        group = torch.arange(inputs) // (self.group_size if self.group_size > 0 else inputs)
        quantized = _in_order(weight.read(".qweight"))
        zeros, scales = _in_order(weight.read(".qzeros")), weight.read(".scales").to(torch.float32)
        return ((quantized - zeros[group]) * scales[group]).T.contiguous()


def _in_order(packed: torch.Tensor) -> torch.Tensor:
    """The integers of packed words in the order of the outputs: (rows, words) becomes (rows, 8 * words)."""
    integers = unpack_columns(packed, BITS)
    return integers.unflatten(-1, (-1, PER_WORD))[..., PLACES].flatten(-2)


def number_of_groups(inputs: int, group_size: int) -> int:
    """How many groups there are; the last may be smaller."""
    return -(-inputs // group_size) if group_size > 0 else 1


def groups_of(group_size: int) -> str:
    """A group size in words."""
    return f"groups of {group_size}" if group_size > 0 else "one group"
