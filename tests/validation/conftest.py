"""Upstream models and a hand-written QEff counterpart, so that validation is tested without the generator."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers.models.mistral import modeling_mistral as mistral

from qeff_codegen.runtime.customop import CustomRMSNormAIC
from qeff_codegen.runtime.pytorch_transforms import ModuleMappingTransform
from qeff_codegen.tiny_models.configurations import variants
from qeff_codegen.tiny_models.families import Family, find_family
from qeff_codegen.validation.subjects import Subject, tiny_subject
from tests.runtime import handwritten_llama as handwritten


class MistralTransform(ModuleMappingTransform):
    """Mistral is Llama with a window, which the hand-written Llama has too."""

    _module_mapping = {
        mistral.MistralAttention: handwritten.QEffLlamaAttention,
        mistral.MistralDecoderLayer: handwritten.QEffLlamaDecoderLayer,
        mistral.MistralForCausalLM: handwritten.QEffLlamaForCausalLM,
        mistral.MistralModel: handwritten.QEffLlamaModel,
        mistral.MistralRMSNorm: CustomRMSNormAIC,
        mistral.MistralRotaryEmbedding: handwritten.QEffLlamaRotaryEmbedding,
    }


def subject_of(family: Family, variant_name: str) -> Subject:
    """The tiny subject of one variant."""
    return tiny_subject(family, next(variant for variant in variants(family) if variant.name == variant_name))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def mistral_family() -> Family:
    return find_family("mistral")


@pytest.fixture(scope="session")
def base_subject(mistral_family: Family) -> Subject:
    return subject_of(mistral_family, "base")


@pytest.fixture(scope="session")
def window_subject(mistral_family: Family) -> Subject:
    """The variant with the first of its scenarios alone."""
    subject = subject_of(mistral_family, "window")
    return replace(subject, scenarios=subject.scenarios[:1], references=subject.references[:1])
