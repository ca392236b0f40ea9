"""A model that attends in another way than every causal LM does is told from one that only needs another rule."""

from __future__ import annotations

import re

import pytest

from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.anatomy.recognise import recognise
from qeff_codegen.errors import Refusal
from qeff_codegen.upstream.source import UpstreamModel
from tests.rewrite_rules.example_runner import SKELETON

WHOLE = SKELETON.read_text()
LAYER_IDX = "self.layer_idx = layer_idx\n"
QKV = "query_states, key_states, value_states = self.qkv_proj(hidden_states)[:, None].chunk(3, dim=-1)\n"
LATER = "attends to later tokens too, as encoders and diffusion models do"
BASE = """
class TinyBase(nn.Module):
    def __init__(self, config):
        self.is_causal = False


class TinyAttention(TinyBase):"""
SDPA = "F.scaled_dot_product_attention(q, k, v, "


def refused(source: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        recognise(read_modeling_file(UpstreamModel("tiny", "modeling_tiny.py", "modeling_tiny", source)))
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "what", "line"),
    [
        (
            LAYER_IDX,
            f"{LAYER_IDX}        self.is_causal = False\n",
            f"`TinyAttention` {LATER}: `self.is_causal = False`",
            "self.is_causal = False",
        ),
        (
            "\nclass TinyAttention(nn.Module):",
            BASE,
            f"`TinyBase` {LATER}: `self.is_causal = False`",
            "self.is_causal = False",
        ),
        (
            QKV,
            f"{QKV}        seen = {SDPA}is_causal=False)\n",
            f"`TinyAttention` {LATER}: `{SDPA}is_causal=False)`",
            f"seen = {SDPA}is_causal=False)",
        ),
        (
            QKV,
            f"{QKV}        mask = create_bidirectional_mask(hidden_states)\n",
            f"`TinyAttention` {LATER}: `create_bidirectional_mask(hidden_states)`",
            "mask = create_bidirectional_mask(hidden_states)",
        ),
        (
            QKV,
            f"{QKV}        grouped = position_ids // self.group_size\n",
            "`TinyAttention` attends by positions that several tokens share: `position_ids // self.group_size`",
            "grouped = position_ids // self.group_size",
        ),
        (
            QKV,
            f"{QKV}        past_key_values.key_cache[self.layer_idx] = key_states[:, :, kept]\n",
            "`TinyAttention` chooses what the cache holds: `past_key_values.key_cache[self.layer_idx] = ...`",
            "past_key_values.key_cache[self.layer_idx] = key_states[:, :, kept]",
        ),
        (
            QKV,
            f"{QKV}        past_key_values.value_cache[self.layer_idx][0] = 0\n",
            "`TinyAttention` chooses what the cache holds: `past_key_values.value_cache[self.layer_idx][0] = ...`",
            "past_key_values.value_cache[self.layer_idx][0] = 0",
        ),
    ],
)
def test_another_pattern(old: str, new: str, what: str, line: str) -> None:
    assert old in WHOLE
    refusal = refused(WHOLE.replace(old, new, 1))
    assert refusal.what == what
    assert refusal.location is not None
    assert refusal.location.excerpt.strip() == line


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (LAYER_IDX, f"{LAYER_IDX}        self.is_causal = True\n"),
        (LAYER_IDX, f"{LAYER_IDX}        self.is_causal = config.is_decoder\n"),
        (QKV, f"{QKV}        seen = {SDPA}attn_mask=attention_mask, is_causal=False)\n"),
        (QKV, f"{QKV}        seen = {SDPA}is_causal=True)\n"),
        (
            QKV,
            f"{QKV}        mask = create_causal_mask() if self.config.is_decoder else create_bidirectional_mask()\n",
        ),
        (
            QKV,
            f"{QKV}        mask_of = create_causal_mask if self.config.is_decoder else create_bidirectional_mask\n"
            "        mask, other = mask_of(hidden_states), create_bidirectional_mask(hidden_states)\n",
        ),
        (QKV, f"{QKV}        half = self.hidden_size // 2\n"),
        (QKV, f"{QKV}        keys = past_key_values.key_cache[self.layer_idx]\n"),
    ],
)
def test_what_is_none(old: str, new: str) -> None:
    recognise(
        read_modeling_file(UpstreamModel("tiny", "modeling_tiny.py", "modeling_tiny", WHOLE.replace(old, new, 1)))
    )


@pytest.mark.parametrize(
    ("statement", "framework"),
    [
        ("import jax.numpy as jnp", "JAX"),
        ("from flax import linen as nn", "Flax"),
        ("import tensorflow as tf", "TensorFlow"),
        ("from megatron.core import transformer", "Megatron"),
        ("import mindspore as ms", "MindSpore"),
        ("from vllm.attention import Attention", "vLLM"),
    ],
)
def test_another_framework(statement: str, framework: str) -> None:
    refusal = refused(f"import os\n{statement}\n\n\nclass TinyForCausalLM(Module):\n    pass\n")
    assert refusal.what == f"the file is written for {framework}, and has no causal LM of PyTorch's modules"
    assert refusal.location is not None
    assert (refusal.location.line, refusal.location.excerpt) == (2, statement)


def test_a_file_that_converts_weights_of_another_framework_is_none_of_it() -> None:
    recognise(
        read_modeling_file(
            UpstreamModel("tiny", "modeling_tiny.py", "modeling_tiny", f"import tensorflow as tf\n{WHOLE}")
        )
    )


def test_a_diffusion_model_whose_head_is_not_recognised() -> None:
    """It returns no logits here, so it is no causal LM by its form; what it attends to says more than that."""
    source = WHOLE.replace("logits", "scores").replace(LAYER_IDX, f"{LAYER_IDX}        self.is_causal = False\n")
    what = f"no class of the file is a causal LM: `TinyAttention` {LATER}: `self.is_causal = False`"
    assert refused(source).what == what


def test_an_encoder() -> None:
    source = re.sub(r"\n\nclass TinyForCausalLM.*", "\n", WHOLE, flags=re.DOTALL)
    refusal = refused(source)
    assert refusal.what == "no class of the file is a causal LM (none returns logits)"
    assert refusal.next_step.endswith("an encoder, or a part of a model, is none")
