"""GPTQ, as AutoGPTQ and GPTQModel write it: 4- or 8-bit integers with a scale and a zero point for groups of inputs.

What a linear layer of I inputs and O outputs has, with B bits, P = 32 / B integers in a word and N groups:

| tensor | type | shape | what |
|---|---|---|---|
| `qweight` | int32 | (I / P, O) | P inputs of one output in each word, the first in the lowest bits |
| `qzeros` | int32 | (N, O / P) | zero points of P outputs in each word, the first in the lowest bits |
| `scales` | float16 | (N, O) | |
| `g_idx` | int32 | (I) | the group of each input: in order, or by `desc_act` in any order |

The weight of output o and input i is `(q - zero) * scale`. With `checkpoint_format` `gptq_v2` the zero points are as
stored. With `gptq`, which is meant where none is named, they are stored less one: GPTQModel takes one from every
integer of a word by one subtraction of words, so a zero point of 0 borrows from its neighbour, and the same addition
of words gives all of them back.
Source: GPTQModel 7.7.0, `gptqmodel/utils/model.py` (`convert_gptq_v1_to_v2_format_module`, and the way back) and
`gptqmodel/nn_modules/qlinear/__init__.py`; AutoGPTQ 0.7.1, `auto_gptq/nn_modules/qlinear/qlinear_cuda_old.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch

from qeff_codegen.deploy.quantized_weights.awq import groups_of, number_of_groups
from qeff_codegen.deploy.quantized_weights.packed_integers import WORD, add_to_each, unpack_columns, unpack_rows
from qeff_codegen.deploy.quantized_weights.quantization import NotReadError, Quantization, StoredWeight, whole_number

FORMATS = ("gptq", "gptq_v2")
READ_BITS = (4, 8)


@dataclass(frozen=True)
class Gptq(Quantization):
    """GPTQ with integers in words of 32 bits.

    Attributes:
        bits: of each integer.
        group_size: of how many inputs; -1 is all.
        checkpoint_format: `gptq`, whose zero points are stored less one, or `gptq_v2`.
    """

    METHOD = "gptq"
    READ = "bits 4 or 8, checkpoint_format gptq or gptq_v2, pack_dtype int32"
    needed = (".qweight", ".qzeros", ".scales")
    optional = (".g_idx",)

    bits: int
    group_size: int
    checkpoint_format: str

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        bits = whole_number(settings, "bits")
        if bits not in READ_BITS:
            raise NotReadError(f"bits {bits}")
        checkpoint_format = settings.get("checkpoint_format") or settings.get("format") or FORMATS[0]
        if settings.get("is_marlin_format"):
            checkpoint_format = "marlin"
        if checkpoint_format not in FORMATS:
            raise NotReadError(f"checkpoint_format {checkpoint_format}")
        if settings.get("pack_dtype", "int32") != "int32":
            raise NotReadError(f"pack_dtype {settings['pack_dtype']}")
        return cls(bits, whole_number(settings, "group_size"), checkpoint_format)

    @property
    def description(self) -> str:
        return f"GPTQ, {self.bits} bits, {groups_of(self.group_size)}, {self.checkpoint_format}"

    def check(self, weight: StoredWeight) -> None:
        words, outputs = weight.expect_dimensions(".qweight", 2)
        inputs = words * self._per_word
        groups = number_of_groups(inputs, self.group_size)
        weight.expect(".qweight", (words, outputs), "I32")
        weight.expect(".qzeros", (groups, -(-outputs // self._per_word)), "I32")
        weight.expect(".scales", (groups, outputs), "F16", "BF16", "F32")
        if weight.has(".g_idx"):
            weight.expect(".g_idx", (inputs,), "I32")

    def dequantize(self, weight: StoredWeight) -> torch.Tensor:
        packed_zeros = weight.read(".qzeros")
        if self.checkpoint_format == FORMATS[0]:
            packed_zeros = add_to_each(packed_zeros, self.bits)
        scales = weight.read(".scales").to(torch.float32)
        zeros = unpack_columns(packed_zeros, self.bits)[:, : scales.shape[1]]
        group = self._group_of_each_input(weight, len(scales))
        return ((unpack_rows(weight.read(".qweight"), self.bits) - zeros[group]) * scales[group]).T.contiguous()

    @property
    def _per_word(self) -> int:
        return WORD // self.bits

    def _group_of_each_input(self, weight: StoredWeight, groups: int) -> torch.Tensor:
        """int64 (inputs)."""
        inputs = weight.shape(".qweight")[0] * self._per_word
        if not weight.has(".g_idx"):
            return torch.arange(inputs) // (self.group_size if self.group_size > 0 else inputs)
        group = weight.read(".g_idx").to(torch.int64)
        if group.min() < 0 or group.max() >= groups:
            raise weight.damaged(".g_idx", f"names groups {group.min()} to {group.max()}, and there are {groups}")
        return group
