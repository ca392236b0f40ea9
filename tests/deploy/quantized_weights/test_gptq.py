"""GPTQ's versions are read as the weights that they stand for, whatever the order of their groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from qeff_codegen.deploy.quantized_weights.packed_integers import add_to_each
from tests.deploy.quantized_weights import references
from tests.deploy.quantized_weights.checkpoints import (
    Quantized,
    assert_loads_as,
    is_linear,
    refusal,
    stored,
    write_both,
)

CONFIG = {"quant_method": "gptq", "bits": 4, "group_size": 16, "desc_act": False, "sym": True}


def quantized(checkpoint: Path, **how: Any) -> dict[str, Quantized]:
    return {
        name: references.gptq(tensor.shape, how.get("group_size", 16), seed, **how.get("layout", {}))
        for seed, (name, tensor) in enumerate(stored(checkpoint).items())
        if is_linear(name)
    }


@pytest.mark.parametrize(
    ("layout", "settings", "words"),
    [
        ({}, {}, "4 bits, groups of 16, gptq"),
        ({"desc_act": True}, {"desc_act": True, "checkpoint_format": "gptq"}, "4 bits, groups of 16, gptq"),
        ({"version": 2}, {"checkpoint_format": "gptq_v2"}, "4 bits, groups of 16, gptq_v2"),
        ({"bits": 8}, {"bits": 8}, "8 bits, groups of 16, gptq"),
    ],
)
def test_weights_are_those_that_were_packed(
    checkpoint: Path, tmp_path: Path, layout: dict[str, Any], settings: dict[str, Any], words: str
) -> None:
    folders = write_both(tmp_path, checkpoint, quantized(checkpoint, layout=layout), {**CONFIG, **settings})
    assert_loads_as(*folders, 14, f"GPTQ, {words}")


def test_groups_in_order_need_no_index(checkpoint: Path, tmp_path: Path) -> None:
    weights = quantized(checkpoint, group_size=-1)
    for each in weights.values():
        del each.parts[".g_idx"]
    folders = write_both(tmp_path, checkpoint, weights, {**CONFIG, "group_size": -1})
    assert_loads_as(*folders, 14, "GPTQ, 4 bits, one group, gptq")


def test_a_version_is_not_taken_for_the_other(checkpoint: Path, tmp_path: Path) -> None:
    weights = quantized(checkpoint, layout={"version": 2})
    folders = write_both(tmp_path, checkpoint, weights, {**CONFIG, "checkpoint_format": "gptq"})
    with pytest.raises(AssertionError):
        assert_loads_as(*folders, 14, "GPTQ")


@pytest.mark.parametrize("word", [0, -1, 0x7FFFFFFF, -(2**31), 0x77777777])
def test_zero_points_of_0_come_back_from_their_words(word: int) -> None:
    less = references._as_int32(word - 0x11111111)
    assert add_to_each(torch.tensor([less], dtype=torch.int32), 4).tolist() == [word]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"bits": 3}, "gptq with bits 3,"),
        ({"checkpoint_format": "marlin"}, "gptq with checkpoint_format marlin,"),
        ({"is_marlin_format": True}, "gptq with checkpoint_format marlin,"),
        ({"pack_dtype": "int16"}, "gptq with pack_dtype int16,"),
    ],
)
def test_what_is_not_read_is_named(checkpoint: Path, tmp_path: Path, changed: dict[str, Any], named: str) -> None:
    folder, _ = write_both(tmp_path, checkpoint, {}, {**CONFIG, **changed})
    assert named in refusal(folder)


def test_bits_that_the_files_do_not_have(checkpoint: Path, tmp_path: Path) -> None:
    folder, _ = write_both(tmp_path, checkpoint, quantized(checkpoint), {**CONFIG, "bits": 8})
    message = refusal(folder)
    name = "model.layers.0.mlp.down_proj.qzeros"
    assert f"{folder / 'model.safetensors'}: {name} has shape [3, 4], and [2, 8] was expected.\n" in message


def test_an_index_of_groups_that_are_not_there(checkpoint: Path, tmp_path: Path) -> None:
    weights = quantized(checkpoint)
    weights["model.layers.1.mlp.up_proj.weight"].parts[".g_idx"][3] = 7
    folder, _ = write_both(tmp_path, checkpoint, weights, CONFIG)
    assert "model.layers.1.mlp.up_proj.g_idx names groups 0 to 7, and there are 2.\n" in refusal(folder)
