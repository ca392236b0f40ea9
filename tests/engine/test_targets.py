"""What a target has decides which rules run for it, what its files look like, and what is refused for it."""

from __future__ import annotations

import importlib

import pytest

from qeff_codegen.engine.rule_set import rules, rules_for
from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.targets.embedded import EMBEDDED
from qeff_codegen.targets.qefficient import LICENCE, QEFFICIENT
from qeff_codegen.upstream.find import find_model
from tests.rewrite_rules.example_runner import HERE, example_model

CHUNKED = "from transformers.masking_utils import create_chunked_causal_mask\n"


def test_every_name_of_the_own_runtime_is_there() -> None:
    for name, module in EMBEDDED.modules.items():
        assert hasattr(importlib.import_module(module), name)


def test_each_target_has_its_own_attention() -> None:
    runs = {target.name: {rule.id for rule in rules_for(target)} for target in (EMBEDDED, QEFFICIENT)}
    assert runs["embedded"] - runs["qefficient"] == {"attention_over_key_blocks", "mask_of_largest_scores"}
    assert runs["qefficient"] - runs["embedded"] == {
        "attention_in_blocks",
        "heads_in_configuration",
        "repeats_stacked",
    }
    assert runs["embedded"] | runs["qefficient"] == {rule.id for rule in rules()}


def test_generated_code_for_a_checkout_imports_nothing_of_ours() -> None:
    model = generate_model(example_model(""), QEFFICIENT)
    assert model.code.startswith(LICENCE + "# Copyright")
    assert "qeff_codegen.runtime" not in model.code
    assert "# Regenerate: python -m qeff_codegen apply tiny --checkout .\n" in model.code
    assert {entry.replacement_module for entry in model.mappings} == {
        "QEfficient.customop",
        "QEfficient.transformers.models.tiny.modeling_tiny",
    }


def test_a_cache_of_latents_is_refused_where_the_export_knows_none() -> None:
    example = (HERE / "latent_cache_names" / "latent_last" / "before.py").read_text()
    with pytest.raises(Refusal, match="the target `qefficient` exports no cache of latents") as refusal:
        generate_model(example_model(example), QEFFICIENT)
    assert "modeling_tiny.py:" in str(refusal.value)


def test_layers_that_run_again_are_refused_where_the_export_counts_layers() -> None:
    with pytest.raises(Refusal, match="exports one pair of keys and values for each layer") as refusal:
        generate_model(find_model("hrm_text"), QEFFICIENT)
    assert "modeling_hrm_text.py:" in str(refusal.value)


def test_a_mask_that_the_target_has_no_function_for_is_refused() -> None:
    skeleton = (HERE / "skeleton.py").read_text()
    model = skeleton[skeleton.index("class TinyModel") : skeleton.index("class TinyForCausalLM")]
    example = CHUNKED + model.replace("create_causal_mask(", "create_chunked_causal_mask(", 1)
    with pytest.raises(Refusal, match="neither upstream's file nor the runtime of the target `qefficient` defines"):
        generate_model(example_model(example), QEFFICIENT)
    assert "_create_chunked_causal_mask(" in generate_model(example_model(example)).code
