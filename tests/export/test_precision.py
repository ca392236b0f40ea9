"""Models in float16: what is converted, what stays, and the same tokens in PyTorch and ONNX Runtime."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.decoding.generation import Generation, generate
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.errors import UsageError
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.precision import convert, precision
from qeff_codegen.tiny_models.configurations import build_config, variants
from qeff_codegen.tiny_models.families import find_family
from qeff_codegen.tiny_models.models import build_tiny_model, random_tokens
from tests.runtime.toy_llama import qeff_llama, upstream_llama

GENERATED = Path(__file__).parents[2] / "generated"
CTX_LEN = 32
FLOAT, FLOAT16 = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16


def tiny(name: str) -> Any:
    family = find_family(name)
    torch.manual_seed(0)  # some parameters are not drawn anew, only added to
    model = build_tiny_model(family.causal_lm_class, build_config(family, variants(family)[0]), seed=0)
    return load_transforms(name, GENERATED).apply(model)


def generated_by(decoder: Any) -> Generation:
    prompts = [random_tokens(5, 100, seed=1), random_tokens(9, 100, seed=2)]
    return generate(decoder.run, prompts, prefill_seq_len=4, ctx_len=CTX_LEN, max_new_tokens=8)


# Rotary, learned and ALiBi positions, norms with 1 in their weight, experts, norms and sinks that upstream keeps in
# float32.
@pytest.mark.parametrize("name", ["llama", "gpt2", "falcon", "gemma3_text", "mixtral", "gpt_oss"])
def test_same_tokens_in_every_runtime(name: str, tmp_path: Path) -> None:
    model = tiny(name)
    wide = generated_by(TorchDecoder(model, 2, CTX_LEN))
    narrow = generated_by(TorchDecoder(convert(model, torch.float16), 2, CTX_LEN))
    path = export_onnx(model, tmp_path / "model.onnx", ExportSpec(CTX_LEN))
    exported = generated_by(OrtDecoderSession(path, 2, CTX_LEN))
    assert wide.tokens == narrow.tokens == exported.tokens
    # Half precision has 11 bits, and logits here are up to 10: an ulp of that is 0.008, and several sums are rounded.
    np.testing.assert_allclose(exported.logits, wide.logits, rtol=0, atol=0.05)
    graph = onnx.load(path).graph
    types = {value.name: value.type.tensor_type.elem_type for value in (*graph.input[2:], *graph.output)}
    assert types.pop("logits") == FLOAT
    assert set(types.values()) == {FLOAT16}


def test_rotary_tables_are_rounded_once() -> None:
    wide: Any = qeff_llama(upstream_llama())
    narrow = convert(copy.deepcopy(wide), torch.float16)
    assert narrow.model.rotary_emb.cos_cached.dtype == torch.float16
    assert torch.equal(narrow.model.rotary_emb.cos_cached, wide.model.rotary_emb.cos_cached.half())
    assert narrow.config.dtype == torch.float16


def test_what_upstream_keeps_in_float32_stays() -> None:
    model = convert(tiny("deepseek_v3"), torch.float16)
    kept = {name.split(".", 3)[3] for name, tensor in model.state_dict().items() if tensor.dtype == torch.float32}
    assert kept == {"mlp.gate.weight", "mlp.gate.e_score_correction_bias"}


def test_shared_weight_stays_shared() -> None:
    model: Any = convert(qeff_llama(upstream_llama(tie_word_embeddings=True)), torch.float16)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert model.lm_head.weight.dtype == torch.float16


@pytest.mark.parametrize("spelling", ["float16", torch.float16, "torch.float16"])
def test_spellings(spelling: Any) -> None:
    assert precision(spelling) == torch.float16


def test_another_format_is_refused() -> None:
    with pytest.raises(UsageError, match=r"dtype is torch.bfloat16: a model is exported in float32 or float16\."):
        precision(torch.bfloat16)
