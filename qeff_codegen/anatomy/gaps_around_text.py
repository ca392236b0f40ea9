"""Gaps of models that are more than one stack of decoder layers for text."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from qeff_codegen.anatomy.caches import added_to_index, cache_update
from qeff_codegen.anatomy.called_modules import called_modules
from qeff_codegen.anatomy.gap import Gap, short
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, self_attribute
from qeff_codegen.codemod.tree import find, spelled

# What the argument that hands on the KV cache is called, release by release.
CACHES = {"past_key_values", "cache"}


def text_model_elsewhere(file: ModelingFile, lm: ModelingClass, _classes: tuple[ModelingClass, ...]) -> Gap | None:
    """The text model is built from its configuration by a class of another file."""
    for cls in (lm, *(inner for _, inner in called_modules(file, lm))):
        for attribute, built in _built_elsewhere(file, cls):
            calls = [call for call in find(ast.Call, cls.forward) if self_attribute(call.func) == attribute]
            if any(keyword.arg in CACHES for call in calls for keyword in call.keywords):
                others = [
                    item.name for item in file.classes.values() if item is not lm and _generates_text(file, item)
                ]
                hint = f"; this file also has `{others[0]}`, a causal LM of text alone" if others else ""
                return Gap(
                    f"`{cls.name}` calls a text model of another file, built as `{spelled(built)}`",
                    built.lineno,
                    "a causal LM whose model and decoder layers stand in its own file",
                    f"generate the family of that text model instead{hint}",
                )
    return None


def images(_file: ModelingFile, lm: ModelingClass, classes: tuple[ModelingClass, ...]) -> Gap | None:
    """Two-dimensional convolutions turn images, or spectra, into what stands in for tokens."""
    for cls in classes:
        for call in find(ast.Call, cls.methods.get("__init__")):
            if spelled(call.func).endswith("nn.Conv2d"):
                return Gap(
                    f"`{lm.name}` takes more than text: `{cls.name}` embeds images or sound by `{short(call.func)}`",
                    call.lineno,
                    "a causal LM whose only inputs are tokens",
                    "the inputs of an exported graph are tokens and positions; embeddings as an input need an idea",
                )
    return None


def several_heads(_file: ModelingFile, lm: ModelingClass, _classes: tuple[ModelingClass, ...]) -> Gap | None:
    for node in find(ast.ListComp, lm.forward):
        if self_attribute(node.generators[0].iter) in lm.built:
            if isinstance(node.elt, ast.Call) and spelled(node.elt.func) == spelled(node.generators[0].target):
                return Gap(
                    f"`{lm.name}` predicts several tokens at once, by several heads: `{spelled(node)}`",
                    node.lineno,
                    "one head, `self.<head>(hidden_states)`, whose logits are those of the next token",
                    "several streams of tokens need an idea for inputs, logits and the choice of the next tokens",
                )
    return None


def several_stacks(file: ModelingFile, lm: ModelingClass, classes: tuple[ModelingClass, ...]) -> Gap | None:
    """Several modules that loop over layers, unless all are of one class whose layers are told which run it is."""
    numbered = any((update := cache_update(cls)) is not None and _is_added_to(update, cls) for cls in classes)
    for _, model in called_modules(file, lm):
        looping = {called: cls.name for called, cls in called_modules(file, model) if _loops_over_layers(cls)}
        stacks = sorted(looping)
        if len(stacks) > 1 and not (numbered and len(set(looping.values())) == 1) and model.forward is not None:
            first = next(call for call in find(ast.Call, model.forward) if spelled(call.func) in stacks)
            return Gap(
                f"`{model.name}` runs several stacks of layers: {', '.join(f'`{item}`' for item in stacks)}",
                first.lineno,
                "one stack of decoder layers, which the model loops over",
                "a retained state for each of several stacks, of different lengths, needs an idea",
            )
    return None


def _is_added_to(update: ast.Call, cls: ModelingClass) -> bool:
    """Whether the number by which an attention updates the cache is its layer's and an argument, added up."""
    return cls.forward is not None and added_to_index(update.args[2], cls.forward) != ""


def _built_elsewhere(file: ModelingFile, cls: ModelingClass) -> Iterator[tuple[str, ast.Call]]:
    """Attributes that `__init__` sets, at once or by a local name, to `<imported class>.from_config(...)`."""
    local = {
        target.id: node.value
        for node in find(ast.Assign, cls.methods.get("__init__"))
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for attribute, values in cls.assigned.items():
        for value in values:
            value = local.get(value.id, value) if isinstance(value, ast.Name) else value
            if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
                if value.func.attr in ("from_config", "_from_config") and spelled(value.func.value) in file.imports:
                    yield attribute, value


def _generates_text(file: ModelingFile, cls: ModelingClass) -> bool:
    """Whether a class generates and calls a model of this file that loops over its layers."""
    generates = any(base.split(".")[-1] == "GenerationMixin" for base in cls.bases)
    return generates and any(_loops_over_layers(model) for _, model in called_modules(file, cls))


def _loops_over_layers(cls: ModelingClass) -> bool:
    return any(
        self_attribute(item) in cls.built
        for loop in find(ast.For, cls.forward)
        for item in find(ast.Attribute, loop.iter)
    )
