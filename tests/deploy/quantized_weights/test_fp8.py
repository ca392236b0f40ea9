"""FP8 with scales of blocks is read as the weights that it stands for, blocks at the edges too."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, FineGrainedFP8Config, Qwen3MoeConfig, Qwen3MoeForCausalLM
from transformers.integrations.finegrained_fp8 import Fp8Quantize

from qeff_codegen.tiny_models.models import randomise
from tests.deploy.quantized_weights import references
from tests.deploy.quantized_weights.checkpoints import (
    Quantized,
    assert_loads_as,
    is_linear,
    refusal,
    stored,
    write,
    write_both,
)

CONFIG = {"quant_method": "fp8", "activation_scheme": "dynamic", "fmt": "e4m3", "weight_block_size": [16, 16]}


def by_transformers(folder: Path) -> dict[str, torch.Tensor]:
    """The tensors of a folder as transformers' own quantizer makes them of its linear modules' weights."""
    settings = FineGrainedFP8Config(weight_block_size=(16, 16))
    operation: Any = Fp8Quantize(SimpleNamespace(quantization_config=settings))
    tensors = stored(folder)
    for name in [name for name in tensors if is_linear(name)]:
        tensors |= operation.convert({name: tensors[name]})
    return tensors


def test_what_transformers_wrote_is_read_as_transformers_reads_it(checkpoint: Path, tmp_path: Path) -> None:
    quantized = write(tmp_path / "quantized", checkpoint, by_transformers(checkpoint), CONFIG)
    model = AutoModelForCausalLM.from_pretrained(
        quantized, dtype=torch.float32, quantization_config=FineGrainedFP8Config(dequantize=True)
    )
    plain = write(tmp_path / "plain", checkpoint, model.state_dict(), None)
    assert_loads_as(quantized, plain, 14, "FP8, blocks of 16 x 16")


@pytest.mark.parametrize("block", [(16, 16), (32, 20), (128, 128)])
def test_blocks_are_cut_off_at_the_edges(checkpoint: Path, tmp_path: Path, block: tuple[int, int]) -> None:
    weights = {name: references.fp8(tensor, *block) for name, tensor in stored(checkpoint).items() if is_linear(name)}
    folders = write_both(tmp_path, checkpoint, weights, {**CONFIG, "weight_block_size": list(block)})
    assert_loads_as(*folders, 14, f"FP8, blocks of {block[0]} x {block[1]}")


def test_one_scale_for_a_matrix_and_scales_of_activations(checkpoint: Path, tmp_path: Path) -> None:
    weights = {}
    for name, tensor in stored(checkpoint).items():
        if is_linear(name):
            made = references.fp8(tensor, *tensor.shape)
            scale = made.parts[".weight_scale_inv"].reshape(())
            weights[name] = Quantized(
                {**made.parts, ".weight_scale_inv": scale, ".activation_scale": scale.clone()}, made.weight
            )
    settings = {**CONFIG, "activation_scheme": "static", "weight_block_size": None}
    assert_loads_as(*write_both(tmp_path, checkpoint, weights, settings), 14, "FP8, one scale for each matrix")


def test_experts_by_name_are_merged(checkpoint: Path, tmp_path: Path) -> None:
    config = Qwen3MoeConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        moe_intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_experts=4,
        num_experts_per_tok=2,
        eos_token_id=0,
    )
    model = Qwen3MoeForCausalLM(config)
    randomise(model, seed=3)
    model.save_pretrained(tmp_path / "source")
    weights = {
        name: references.fp8(tensor, 16, 16) for name, tensor in stored(tmp_path / "source").items() if is_linear(name)
    }
    assert "model.layers.1.mlp.experts.3.down_proj.weight" in weights
    assert_loads_as(*write_both(tmp_path, tmp_path / "source", weights, CONFIG), 32, "FP8, blocks of 16 x 16")


@pytest.mark.parametrize("block", [[16], [16, 0], "16", [16, 16, 16]])
def test_blocks_that_are_not_read_are_named(checkpoint: Path, tmp_path: Path, block: Any) -> None:
    folder, _ = write_both(tmp_path, checkpoint, {}, {**CONFIG, "weight_block_size": block})
    assert f"fp8 with weight_block_size {block!r}, which is not read" in refusal(folder)


def test_other_blocks_than_the_files_have(checkpoint: Path, tmp_path: Path) -> None:
    tensors = by_transformers(checkpoint)
    folder = write(tmp_path / "model", checkpoint, tensors, {**CONFIG, "weight_block_size": [32, 32]})
    name = "model.layers.0.mlp.down_proj.weight_scale_inv"
    assert f"{folder / 'model.safetensors'}: {name} has shape [2, 3], and [1, 2] was expected.\n" in refusal(folder)


def test_a_value_without_its_scale(checkpoint: Path, tmp_path: Path) -> None:
    tensors = by_transformers(checkpoint)
    del tensors["model.layers.1.self_attn.k_proj.weight_scale_inv"]
    folder = write(tmp_path / "model", checkpoint, tensors, CONFIG)
    message = refusal(folder)
    assert "model.layers.1.self_attn.k_proj.weight is of type F8_E4M3, and there is nothing that says how" in message
