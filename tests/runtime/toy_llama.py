"""Tiny Llamas with random weights, and what Hugging Face's own code generates with them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from qeff_codegen.decoding.generation import Generation, tokens_to_generate
from tests.runtime.handwritten_llama import LlamaTransform

CTX_LEN = 24


def upstream_llama(**overrides: Any) -> nn.Module:
    """Returns a 2-layer Llama whose every parameter is random, norms included, with logits well apart."""
    settings = {
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "num_hidden_layers": 2,
        "vocab_size": 101,
        "max_position_embeddings": 64,
        "rms_norm_eps": 1e-3,
        "attn_implementation": "eager",
    }
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", **(settings | overrides))).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.uniform_(0.5, 1.5)
            else:
                parameter.normal_(std=0.15)
    return model


def qeff_llama(upstream: nn.Module) -> nn.Module:
    """Returns the QEff form of a copy of the model."""
    return LlamaTransform.apply(copy.deepcopy(upstream))[0]


def random_prompts(*lengths: int) -> list[list[int]]:
    """Returns one prompt of each length, the same in every run."""
    generator = np.random.default_rng(0)
    return [generator.integers(1, 101, length).tolist() for length in lengths]


def upstream_generation(
    model: nn.Module,
    prompts: list[list[int]],
    ctx_len: int = CTX_LEN,
    max_new_tokens: int | None = None,
    window: int | None = None,
) -> Generation:
    """Generates greedily with no cache at all: each step runs the whole text, each prompt alone."""
    logits: list[list[np.ndarray]] = []
    for prompt in prompts:
        text = list(prompt)
        logits.append([])
        for _ in range(tokens_to_generate(len(prompt), ctx_len, max_new_tokens)):
            with torch.no_grad():
                outputs = model(torch.tensor([text]), attention_mask=_mask(len(text), window), use_cache=False)
            logits[-1].append(outputs.logits[0, -1].numpy())
            text.append(int(logits[-1][-1].argmax()))
    return Generation.from_logits(logits)


def _mask(length: int, window: int | None) -> torch.Tensor | None:
    """Returns an additive mask `[1, 1, length, length]` written out pair by pair, or None for upstream's own."""
    if window is None:
        return None
    mask = torch.zeros(1, 1, length, length)
    for query in range(length):
        for key in range(length):
            if key > query or query - key >= window:
                mask[0, 0, query, key] = float("-inf")
    return mask
