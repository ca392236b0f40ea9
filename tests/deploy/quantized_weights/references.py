"""Weights quantized and packed by the formats' definitions, one number after the other.

AutoAWQ and GPTQModel need a GPU or a compiler to be installed, so their layouts are written here by their definitions,
without a line in common with what reads them. MXFP4 is the specification's.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tests.deploy.quantized_weights.checkpoints import Quantized

AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)


def _random(outputs: int, inputs: int, groups: int, bits: int, seed: int) -> tuple[torch.Tensor, ...]:
    """Integers (outputs, inputs), zero points (outputs, groups), scales (outputs, groups) in float16."""
    generator = torch.Generator().manual_seed(seed)
    integers = torch.randint(0, 2**bits, (outputs, inputs), generator=generator)
    zeros = torch.randint(0, 2**bits, (outputs, groups), generator=generator)
    scales = (torch.rand(outputs, groups, generator=generator) * 0.02 + 0.002).to(torch.float16)
    return integers, zeros, scales


def _as_int32(word: int) -> int:
    word %= 2**32
    return word - 2**32 if word >= 2**31 else word


def _packed(integers: list[int], bits: int) -> int:
    """One word of integers, the first in the lowest bits."""
    return _as_int32(sum(integer << (bits * place) for place, integer in enumerate(integers)))


def awq(shape: Sequence[int], group_size: int, seed: int) -> Quantized:
    """A weight (outputs, inputs) in AWQ's layout gemm."""
    outputs, inputs = shape
    groups = inputs // group_size
    integers, zeros, scales = _random(outputs, inputs, groups, 4, seed)

    def rows(matrix: torch.Tensor) -> torch.Tensor:
        """(outputs, rows) becomes int32 (rows, outputs / 8)."""
        return torch.tensor(
            [
                [
                    _packed([int(matrix[first + place, row]) for place in AWQ_ORDER], 4)
                    for first in range(0, outputs, 8)
                ]
                for row in range(matrix.shape[1])
            ],
            dtype=torch.int32,
        )

    weight = torch.empty(outputs, inputs)
    for column in range(inputs):
        group = column // group_size
        weight[:, column] = (integers[:, column] - zeros[:, group]).float() * scales[:, group].float()
    parts = {".qweight": rows(integers), ".qzeros": rows(zeros), ".scales": scales.T.contiguous()}
    return Quantized(parts, weight)


def gptq(
    shape: Sequence[int], group_size: int, seed: int, *, bits: int = 4, version: int = 1, desc_act: bool = False
) -> Quantized:
    """A weight (outputs, inputs) in a version of GPTQ's layout; with `desc_act` its groups are in no order."""
    outputs, inputs = shape
    size = inputs if group_size == -1 else group_size
    groups = -(-inputs // size)
    integers, zeros, scales = _random(outputs, inputs, groups, bits, seed)
    group_of = torch.arange(inputs) // size
    if desc_act:
        group_of = group_of[torch.randperm(inputs, generator=torch.Generator().manual_seed(seed))]
    in_word = 32 // bits
    less = sum(1 << (bits * place) for place in range(in_word)) if version == 1 else 0
    packed_zeros = [
        [
            _as_int32(_packed([int(zeros[first + place, group]) for place in range(in_word)], bits) - less)
            for first in range(0, outputs, in_word)
        ]
        for group in range(groups)
    ]
    packed = [
        [
            _packed([int(integers[output, first + place]) for place in range(in_word)], bits)
            for output in range(outputs)
        ]
        for first in range(0, inputs, in_word)
    ]
    weight = torch.empty(outputs, inputs)
    for column in range(inputs):
        group = int(group_of[column])
        weight[:, column] = (integers[:, column] - zeros[:, group]).float() * scales[:, group].float()
    parts = {
        ".qweight": torch.tensor(packed, dtype=torch.int32),
        ".qzeros": torch.tensor(packed_zeros, dtype=torch.int32),
        ".scales": scales.T.contiguous(),
        ".g_idx": group_of.to(torch.int32),
    }
    return Quantized(parts, weight)


def fp8(weight: torch.Tensor, rows: int, columns: int) -> Quantized:
    """A weight in blocks of rows and columns, those at its edges smaller."""
    down, across = -(-weight.shape[0] // rows), -(-weight.shape[1] // columns)
    values, scales, result = torch.empty_like(weight), torch.empty(down, across), torch.empty_like(weight)
    for row in range(down):
        for column in range(across):
            place = slice(row * rows, (row + 1) * rows), slice(column * columns, (column + 1) * columns)
            scales[row, column] = weight[place].abs().max() / 448
            values[place] = weight[place] / scales[row, column]
            result[place] = values[place].to(torch.float8_e4m3fn).float() * scales[row, column]
    return Quantized({".weight": values.to(torch.float8_e4m3fn), ".weight_scale_inv": scales}, result)


def mxfp4(experts: int, inputs: int, outputs: int, seed: int) -> Quantized:
    """Merged experts: 4 bits are a sign, two of an exponent, and one of a fraction."""
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, 16, (experts, outputs, inputs // 32, 32), generator=generator)
    exponents = torch.randint(119, 124, (experts, outputs, inputs // 32), generator=generator)
    sign, exponent, fraction = codes >> 3, (codes >> 1) & 3, codes & 1
    size = torch.where(exponent == 0, fraction * 0.5, 2.0 ** (exponent - 1) * (1 + fraction * 0.5))
    values = (1 - 2 * sign) * size * 2.0 ** (exponents - 127).unsqueeze(-1)
    parts = {
        "_blocks": (codes[..., 0::2] + 16 * codes[..., 1::2]).to(torch.uint8),
        "_scales": exponents.to(torch.uint8),
    }
    return Quantized(parts, values.flatten(-2).transpose(1, 2).contiguous().float())
