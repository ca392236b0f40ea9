"""Blueprint is a working transformers model: with the same weights it computes what Llama and Mistral compute."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

from qeff_codegen.examples.blueprint import register

SIZES = {
    "vocab_size": 97,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 24,
    "max_position_embeddings": 64,
    "bos_token_id": None,
    "eos_token_id": None,
}
WINDOW = 5
ORIGINAL_POSITIONS = 8  # the prompt of 12 tokens crosses it
SCALED_ROPE: dict[str, dict[str, Any]] = {
    "linear": {"factor": 4.0},
    "dynamic": {"factor": 4.0},
    "proportional": {"factor": 4.0},
    "yarn": {"factor": 8.0, "original_max_position_embeddings": ORIGINAL_POSITIONS},
    "longrope": {
        "factor": 8.0,
        "original_max_position_embeddings": ORIGINAL_POSITIONS,
        "short_factor": [1.0 + 0.1 * i for i in range(12)],
        "long_factor": [2.0 + 0.3 * i for i in range(12)],
    },
    "llama3": {
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": ORIGINAL_POSITIONS,
    },
}
PROMPT = torch.arange(24).reshape(2, 12) * 7 % 97


@pytest.fixture(autouse=True)
def blueprint() -> None:
    torch.set_num_threads(1)
    register()


def causal_lm(model_type: str, **settings: Any) -> Any:
    """A tiny causal LM of the family, every parameter random (norms too, at 1 they would hide a lost product)."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(model_type, **(SIZES | settings))
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=0.1, std=0.2)
    return model


def assert_same(model: Any, other: Any) -> None:
    """The weights go by the same names, and logits and greedy tokens are the same."""
    other.load_state_dict(model.state_dict(), strict=True)
    with torch.no_grad():
        torch.testing.assert_close(model(PROMPT).logits, other(PROMPT).logits, rtol=0, atol=0)
        greedy = {"max_new_tokens": 8, "do_sample": False, "pad_token_id": 0}
        assert torch.equal(model.generate(PROMPT, **greedy), other.generate(PROMPT, **greedy))


@pytest.mark.parametrize("attention_bias", [False, True])
def test_equals_llama_without_a_window(attention_bias: bool) -> None:
    settings = {"attention_bias": attention_bias}
    assert_same(causal_lm("blueprint", **settings), causal_lm("llama", **settings))


def test_equals_mistral_with_a_window() -> None:
    assert_same(causal_lm("blueprint", sliding_window=WINDOW), causal_lm("mistral", sliding_window=WINDOW))


def test_the_window_matters() -> None:
    windowed, full = causal_lm("blueprint", sliding_window=WINDOW), causal_lm("blueprint")
    full.load_state_dict(windowed.state_dict())
    with torch.no_grad():
        differs = (windowed(PROMPT).logits != full(PROMPT).logits).any(dim=-1).any(dim=0)
    assert differs.tolist() == [position >= WINDOW for position in range(PROMPT.shape[1])]


@pytest.mark.parametrize("rope_type", SCALED_ROPE)
def test_equals_llama_with_scaled_rope(rope_type: str) -> None:
    def scaled(model_type: str) -> Any:
        rope = {"rope_type": rope_type, "rope_theta": 1000.0} | SCALED_ROPE[rope_type]
        # "dynamic" has no length of its own: it scales beyond the longest context.
        positions = ORIGINAL_POSITIONS if rope_type == "dynamic" else SIZES["max_position_embeddings"]
        return causal_lm(model_type, rope_parameters=rope, max_position_embeddings=positions)

    blueprint, llama = scaled("blueprint"), scaled("llama")
    assert blueprint.model.rotary_emb.rope_type == rope_type
    assert_same(blueprint, llama)


def test_every_scaling_type_of_transformers_is_tried() -> None:
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    assert set(SCALED_ROPE) == set(ROPE_INIT_FUNCTIONS)


def test_loss_and_logits_to_keep() -> None:
    model = causal_lm("blueprint")
    with torch.no_grad():
        full = model(PROMPT, labels=PROMPT)
        last = model(PROMPT, logits_to_keep=1)
    expected = torch.nn.functional.cross_entropy(full.logits[:, :-1].flatten(0, 1), PROMPT[:, 1:].flatten())
    torch.testing.assert_close(full.loss, expected)
    torch.testing.assert_close(last.logits, full.logits[:, -1:])


def test_head_sizes_follow_from_the_hidden_size_when_not_given() -> None:
    config = AutoConfig.for_model("blueprint", hidden_size=64, num_attention_heads=4, num_key_value_heads=None)
    assert (config.head_dim, config.num_key_value_heads) == (16, 4)


def test_the_auto_classes_know_it_and_registering_again_changes_nothing() -> None:
    register()
    config = AutoConfig.for_model("blueprint", **SIZES)
    assert type(AutoModel.from_config(config)).__name__ == "BlueprintModel"
    assert type(AutoModelForCausalLM.from_config(config)).__name__ == "BlueprintForCausalLM"


def test_importing_the_package_imports_neither_torch_nor_transformers() -> None:
    code = "import sys, qeff_codegen.examples.blueprint; print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed == "[]\n"
