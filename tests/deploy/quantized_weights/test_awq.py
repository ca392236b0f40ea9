"""AWQ's layout gemm is read as the weights that it stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.deploy.quantized_weights import references
from tests.deploy.quantized_weights.checkpoints import assert_loads_as, is_linear, refusal, stored, write, write_both

CONFIG = {"quant_method": "awq", "bits": 4, "group_size": 16, "version": "gemm", "zero_point": True}


@pytest.mark.parametrize("group_size", [16, -1])
def test_weights_are_those_that_were_packed(checkpoint: Path, tmp_path: Path, group_size: int) -> None:
    weights = {
        name: references.awq(tensor.shape, tensor.shape[1] if group_size == -1 else group_size, seed)
        for seed, (name, tensor) in enumerate(stored(checkpoint).items())
        if is_linear(name)
    }
    folders = write_both(tmp_path, checkpoint, weights, {**CONFIG, "group_size": group_size})
    words = "groups of 16" if group_size == 16 else "one group"
    assert_loads_as(*folders, 14, f"AWQ, 4 bits, {words}")


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"bits": 8}, "awq with bits 8,"),
        ({"version": "gemv"}, "awq with version gemv,"),
        ({"zero_point": False}, "awq with zero_point False,"),
        ({"group_size": None}, "awq with group_size None,"),
    ],
)
def test_what_is_not_read_is_named(checkpoint: Path, tmp_path: Path, changed: dict[str, Any], named: str) -> None:
    folder = write(tmp_path / "model", checkpoint, stored(checkpoint), {**CONFIG, **changed})
    message = refusal(folder)
    assert f"{folder / 'config.json'} says that the weights are quantized by {named}" in message
    assert "  awq: bits 4, version gemm, zero_point true\n" in message
