"""A GGUF file is unpacked once, and gives the model it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from transformers import AutoModelForCausalLM

from qeff_codegen.deploy import checkpoint as checkpoints
from qeff_codegen.deploy.checkpoint import load_checkpoint
from qeff_codegen.errors import UsageError

# GGUF's name of each of Llama's weights.
NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


@pytest.fixture
def file(checkpoint: Path, tmp_path: Path) -> Path:
    """The tiny checkpoint as GGUF writes it, without its tokenizer."""
    model = AutoModelForCausalLM.from_pretrained(checkpoint)
    config = model.config
    path = tmp_path / "tiny.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for name, weight in model.state_dict().items():
        stem = name.removesuffix(".weight")
        layer = f"blk.{stem.split('.')[2]}." if stem.startswith("model.layers") else ""
        part = stem.split(".", 3)[3] if layer else stem
        projection = part.split(".")[-1]
        if projection in heads:
            # llama.cpp rotates neighbours, so it keeps the halves of a head interleaved.
            weight = weight.view(heads[projection], 2, -1, config.hidden_size).transpose(1, 2).reshape(weight.shape)
            part = f"attn_{projection[0]}"
        writer.add_tensor(f"{layer}{NAMES.get(part, part)}.weight", weight.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_gguf_file_is_unpacked_once(
    checkpoint: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path / "cache"))
    expected = AutoModelForCausalLM.from_pretrained(checkpoint).state_dict()
    asked: list[dict[str, str]] = []
    load = checkpoints._load

    def record(named: Path, folder: Path, arguments: dict[str, str]) -> tuple[Any, Any]:
        asked.append(arguments)
        return load(named, folder, arguments)

    monkeypatch.setattr(checkpoints, "_load", record)
    first, second = load_checkpoint(str(file)), load_checkpoint(str(file))
    assert asked == [{"gguf_file": "tiny.gguf"}, {}, {}]
    assert first.name == "tiny" and first.sha256 == second.sha256
    for loaded in (first, second):
        assert all(torch.equal(weight, expected[name]) for name, weight in loaded.model.state_dict().items())


def test_a_damaged_gguf_file(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path / "cache"))
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(UsageError, match=r"tiny\.gguf cannot be loaded"):
        load_checkpoint(str(file))
    assert not [item for item in (tmp_path / "cache" / "unpacked").iterdir() if item.is_dir()]
