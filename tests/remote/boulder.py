"""Boulder, a checkpoint's folder: its modeling file subclasses Llama's classes, and has a norm in a file beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CONFIG: dict[str, Any] = {
    "auto_map": {
        "AutoConfig": "configuration_boulder.BoulderConfig",
        "AutoModelForCausalLM": "modeling_boulder.BoulderForCausalLM",
    },
    "model_type": "boulder",
    "attention_multiplier": 0.3,
}
CONFIGURATION = """\
from transformers import LlamaConfig


class BoulderConfig(LlamaConfig):
    model_type = "boulder"
    attention_multiplier: float = 0.5
"""
NORMS = """\
import torch
from torch import nn


class Norm(nn.Module):
    def __init__(self, size, eps=1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.variance_epsilon = eps

    def forward(self, hidden_states):
        input_dtype = hidden_states.dtype
        hidden_states = hidden_states.to(torch.float32)
        variance = hidden_states.pow(2).mean(-1, keepdim=True)
        hidden_states = hidden_states * torch.rsqrt(variance + self.variance_epsilon)
        return self.weight * hidden_states.to(input_dtype)
"""
MODELING = '''\
# Copyright 2026 The qeff_codegen authors.
"""Llama with a factor of its own for the scores."""

from torch import nn
from transformers import LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaAttention as Attention
from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaModel

from .configuration_boulder import BoulderConfig
from .norms import Norm


class BoulderAttention(Attention):
    def __init__(self, config: BoulderConfig, layer_idx: int):
        super().__init__(config, layer_idx)
        self.scaling = config.attention_multiplier


class BoulderDecoderLayer(LlamaDecoderLayer):
    def __init__(self, config: BoulderConfig, layer_idx: int):
        super().__init__(config, layer_idx)
        self.self_attn = BoulderAttention(config, layer_idx)
        self.input_layernorm = Norm(config.hidden_size)


class BoulderModel(LlamaModel):
    config_class = BoulderConfig

    def __init__(self, config: BoulderConfig):
        super().__init__(config)
        self.layers = nn.ModuleList(
            [BoulderDecoderLayer(config, layer_idx) for layer_idx in range(config.num_hidden_layers)]
        )
        self.post_init()


class BoulderForCausalLM(LlamaForCausalLM):
    config_class = BoulderConfig

    def __init__(self, config):
        super().__init__(config)
        self.model = BoulderModel(config)
        self.post_init()
'''


def write_boulder(folder: Path, **files: str) -> Path:
    """Write the folder, and give it.

    Args:
        folder: where; made if need be.
        files: texts of further files, or other ones, by their names without `.py`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own = {"modeling_boulder": MODELING, "configuration_boulder": CONFIGURATION, "norms": NORMS}
    for name, text in (own | files).items():
        (folder / f"{name}.py").write_text(text, "utf-8")
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2), "utf-8")
    return folder
