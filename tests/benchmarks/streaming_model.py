"""A Qwen2 of random weights in bfloat16: `python -m tests.benchmarks.streaming_model SIZE FOLDER`."""

from __future__ import annotations

import json
import sys
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, Qwen2Config

# The sizes of Qwen2.5's configurations, and one to see that it runs.
SIZES: dict[str, dict[str, Any]] = {
    "tiny": {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 256,
        "tie_word_embeddings": True,
    },
    "0.5b": {
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "vocab_size": 151936,
        "tie_word_embeddings": True,
    },
    "1.5b": {
        "hidden_size": 1536,
        "intermediate_size": 8960,
        "num_hidden_layers": 28,
        "num_attention_heads": 12,
        "num_key_value_heads": 2,
        "vocab_size": 151936,
        "tie_word_embeddings": True,
    },
    "7b": {
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "vocab_size": 152064,
        "tie_word_embeddings": False,
    },
}
SHARD_BYTES = 1e9
DEVIATION = 0.02


def outline(size: str) -> Any:
    """The model without values."""
    config = Qwen2Config(**SIZES[size], max_position_embeddings=32768, architectures=["Qwen2ForCausalLM"])
    config.dtype = torch.bfloat16
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)


def elements_of_largest(size: str, number: int) -> int:
    """How many elements the `number` largest tensors of a model have together."""
    return sum(sorted((prod(weight.shape) for weight in outline(size).parameters()), reverse=True)[:number])


def save(size: str, folder: Path) -> None:
    """Writes a model into a folder, shard by shard: memory holds no more than one."""
    folder.mkdir(parents=True, exist_ok=True)
    model = outline(size)
    model.config.save_pretrained(folder)
    numbers = torch.Generator().manual_seed(0)
    shards: dict[str, str] = {}
    shard: dict[str, torch.Tensor] = {}

    def write() -> None:
        name = f"model-{len(set(shards.values())) + 1:05d}.safetensors"
        save_file(shard, folder / name, {"format": "pt"})
        shards.update(dict.fromkeys(shard, name))
        shard.clear()

    for name, weight in model.named_parameters():
        values = torch.empty(weight.shape, dtype=torch.bfloat16).normal_(0, DEVIATION, generator=numbers)
        shard[name] = values + 1 if "norm" in name else values
        if sum(tensor.nbytes for tensor in shard.values()) > SHARD_BYTES:
            write()
    if shard:
        write()
    index = {"metadata": {}, "weight_map": shards}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")


if __name__ == "__main__":
    save(sys.argv[1], Path(sys.argv[2]))
