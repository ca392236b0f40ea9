"""The texts that bring one generated model into a checkout: its package, and `pytorch_transforms.py` with it."""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping
from dataclasses import dataclass

from qeff_codegen.checkout.checkout import SAMPLER, SPECULATION, TRANSFORMS
from qeff_codegen.checkout.forward_calls import keywords_of_call, why_no_sampler, why_no_speculation
from qeff_codegen.checkout.import_order import import_lines, member_order
from qeff_codegen.checkout.python_file import tree_of
from qeff_codegen.checkout.transforms_edits import TransformsEdits
from qeff_codegen.checkout.transforms_file import read_transforms_file
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.targets.qefficient import QEFFICIENT
from qeff_codegen.targets.target import PREFIX

SPECULATION_TRANSFORM = "SpDTransform"
SAMPLER_TRANSFORM = "SamplerTransform"
MAPPED = ("CustomOpsTransform", "KVCacheTransform")


@dataclass(frozen=True)
class ForwardFeature:
    """A feature of QEfficient that replaces or wraps the causal LM's `forward`.

    Attributes:
        transform: whose set a causal LM must be in to have it.
        name: for a reader.
        missing: why the causal LM cannot have it; empty when it can.
    """

    transform: str
    name: str
    missing: str


def causal_lm_class(model: GeneratedModel) -> str:
    """The generated causal LM class, or that of an image-text model as a whole."""
    return PREFIX + model.whole_class


def forward_features(model: GeneratedModel, sources: Mapping[str, str]) -> tuple[ForwardFeature, ...]:
    """Which of the features that need to know `forward` the generated causal LM can have; none of images' programs.

    Args:
        sources: the checkout's file of each feature, by the name of its transform.

    Raises:
        Refusal: one of them is no Python.
    """
    if model.upstream.image_text is not None:
        return ()
    causal_lm, body = causal_lm_class(model), PREFIX + _role(model, "model")
    called = keywords_of_call(tree_of(sources[SPECULATION_TRANSFORM], SPECULATION), "model")
    wrapped = keywords_of_call(tree_of(sources[SAMPLER_TRANSFORM], SAMPLER), "old_forward")
    return (
        ForwardFeature(
            SPECULATION_TRANSFORM,
            "speculative decoding",
            why_no_speculation(model.code, causal_lm, body, called),
        ),
        ForwardFeature(SAMPLER_TRANSFORM, "on-device sampling", why_no_sampler(model.code, causal_lm, wrapped)),
    )


# Where each of these features is read from.
FEATURE_SOURCES = {SPECULATION_TRANSFORM: SPECULATION, SAMPLER_TRANSFORM: SAMPLER}


def with_mappings(text: str, model: GeneratedModel, features: tuple[ForwardFeature, ...]) -> str:
    """`pytorch_transforms.py` with the imports and the entries of a model; nothing but lines is added.

    Raises:
        Refusal: the file has another form, or one of the classes has another replacement in it.
    """
    edits = TransformsEdits(read_transforms_file(text, TRANSFORMS.as_posix()), QEFFICIENT.line_length)
    upstream = edits.import_names(
        model.upstream.module, list(dict.fromkeys(entry.upstream_class for entry in model.mappings)), model.name
    )
    ours: dict[tuple[str, str], str] = {}
    for source in dict.fromkeys(entry.replacement_module for entry in model.mappings):
        names = [entry.replacement for entry in model.mappings if entry.replacement_module == source]
        local = edits.import_names(source, list(dict.fromkeys(names)), model.name)
        ours |= {(source, name): value for name, value in local.items()}
    for transform in MAPPED:
        entries = [
            (upstream[entry.upstream_class], ours[entry.replacement_module, entry.replacement])
            for entry in model.mappings
            if entry.transform == transform
        ]
        edits.add_entries(transform, entries, _heading(model) if transform == "KVCacheTransform" else "")
    causal_lm = next(value for (_, name), value in ours.items() if name == causal_lm_class(model))
    for feature in features:
        if not feature.missing:
            edits.add_entries(feature.transform, [(causal_lm, None)])
    return edits.text()


def initializer_text(model: GeneratedModel) -> str:
    """The initializer of a model's package: the licence, and the generated classes by their names."""
    names = [
        node.name
        for node in ast.parse(model.code).body
        if isinstance(node, ast.ClassDef) and node.name.startswith(PREFIX)
    ]
    module = QEFFICIENT.modeling_module.format(name=model.name)
    imports = import_lines(module, names, QEFFICIENT.line_length)
    exported = [f'    "{name}",' for name in sorted(names, key=member_order)]
    return QEFFICIENT.licence + "\n".join([*imports, "", "__all__ = [", *exported, "]", ""])


def _heading(model: GeneratedModel) -> str:
    """What a group of entries is called: what the names of all its upstream classes begin with."""
    classes = [entry.upstream_class for entry in model.mappings if entry.transform == "KVCacheTransform"]
    return os.path.commonprefix(classes).rstrip("_").removesuffix("ForConditionalGeneration") or model.name


def _role(model: GeneratedModel, role: str) -> str:
    return next(found.name for found in model.roles if found.role == role)
