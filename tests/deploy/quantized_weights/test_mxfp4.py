"""MXFP4 of gpt-oss is read as the weights that it stands for.

transformers' own quantizer needs Triton, so the values are written by the specification.
"""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, GptOssConfig, GptOssForCausalLM
from transformers.utils.quantization_config import Mxfp4Config

from qeff_codegen.tiny_models.models import randomise
from tests.deploy.quantized_weights import references
from tests.deploy.quantized_weights.checkpoints import assert_loads_as, refusal, write, write_both

CONFIG = {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "lm_head"]}
EXPERTS, HIDDEN, INTERMEDIATE = 4, 64, 32


def source(folder: Path) -> Path:
    config = GptOssConfig(
        vocab_size=64,
        hidden_size=HIDDEN,
        intermediate_size=INTERMEDIATE,
        num_hidden_layers=2,
        layer_types=["sliding_attention", "full_attention"],
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        num_local_experts=EXPERTS,
        num_experts_per_tok=2,
        sliding_window=8,
        eos_token_id=0,
        pad_token_id=None,
    )
    model = GptOssForCausalLM(config)
    randomise(model, seed=3)
    model.save_pretrained(folder)
    return folder


def quantized() -> dict[str, references.Quantized]:
    sizes = {"gate_up_proj": (HIDDEN, 2 * INTERMEDIATE), "down_proj": (INTERMEDIATE, HIDDEN)}
    return {
        f"model.layers.{layer}.mlp.experts.{name}": references.mxfp4(EXPERTS, *size, seed=layer)
        for layer in range(2)
        for name, size in sizes.items()
    }


def test_weights_are_those_that_were_packed(tmp_path: Path) -> None:
    folders = write_both(tmp_path, source(tmp_path / "source"), quantized(), CONFIG)
    assert_loads_as(*folders, 4, "MXFP4, blocks of 32")


def test_they_are_read_as_transformers_reads_them(tmp_path: Path) -> None:
    origin = source(tmp_path / "source")
    folder, _ = write_both(tmp_path, origin, quantized(), CONFIG)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, quantization_config=Mxfp4Config(dequantize=True)
    )
    assert_loads_as(folder, write(tmp_path / "read", origin, model.state_dict(), None), 4, "MXFP4")


def test_scales_of_other_blocks(tmp_path: Path) -> None:
    weights = quantized()
    name = "model.layers.1.mlp.experts.gate_up_proj"
    weights[name].parts["_scales"] = weights[name].parts["_scales"][:, :-1].contiguous()
    folder, _ = write_both(tmp_path, source(tmp_path / "source"), weights, CONFIG)
    file = folder / "model.safetensors"
    assert f"{file}: {name}_scales has shape [4, 63, 2], and [4, 64, 2] was expected.\n" in refusal(folder)


def test_blocks_without_scales(tmp_path: Path) -> None:
    weights = quantized()
    name = "model.layers.0.mlp.experts.down_proj"
    del weights[name].parts["_scales"]
    folder, _ = write_both(tmp_path, source(tmp_path / "source"), weights, CONFIG)
    assert f"{folder / 'model.safetensors'} has {name}_blocks, but {name}_scales is in none of" in refusal(folder)
