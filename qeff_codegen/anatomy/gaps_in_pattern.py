"""Gaps of attention whose pattern is another one: which tokens are seen, by which positions, and which keys are kept.

Every generated mask is causal, and the cache holds the keys of every token. Where one of these does not hold it is
another kind of model, whatever else would be understood of it; so this is told before anything else.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from qeff_codegen.anatomy.gap import Gap, short
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, self_attribute
from qeff_codegen.codemod.tree import find, spelled

# What transformers calls its makers of masks by which every token sees every other one.
_OF_ENCODERS = {"_prepare_4d_attention_mask", "_prepare_4d_attention_mask_for_sdpa"}
_IS_CAUSAL = "is_causal"
_STORED = {"key_cache", "value_cache"}


def later_tokens_seen(file: ModelingFile, _lm: ModelingClass, classes: tuple[ModelingClass, ...]) -> Gap | None:
    """Attention by which a token sees those after it: of encoders, and of models that fill in masked tokens."""
    for cls in dict.fromkeys(own for each in classes for own in (each.name, *_bases(file, each))):
        gap = _later_tokens_seen_by(file.classes[cls])
        if gap is not None:
            return gap
    return None


def _bases(file: ModelingFile, cls: ModelingClass) -> Iterator[str]:
    """The classes of the file that a class inherits from, directly or not."""
    for base in cls.bases:
        if base in file.classes and base != cls.name:
            yield base
            yield from _bases(file, file.classes[base])


def _later_tokens_seen_by(cls: ModelingClass) -> Gap | None:
    node = next(_not_causal(cls), None)
    if node is None:
        return None
    return Gap(
        f"`{cls.name}` attends to later tokens too, as encoders and diffusion models do: `{short(node)}`",
        getattr(node, "lineno", cls.node.lineno),
        "attention of each token to itself and those before it",
        "a graph that gives one token after the other serves causal models only",
    )


def positions_in_groups(_file: ModelingFile, _lm: ModelingClass, classes: tuple[ModelingClass, ...]) -> Gap | None:
    """Attention by positions that several tokens share, to reach further than the model was trained for."""
    for cls in classes:
        for method in cls.methods.values():
            for node in find(ast.BinOp, method):
                if isinstance(node.op, ast.FloorDiv) and _is_positions(node.left):
                    return Gap(
                        f"`{cls.name}` attends by positions that several tokens share: `{short(node)}`",
                        node.lineno,
                        "one position for each token, by which its query and its key are rotated",
                        "scores by two kinds of positions need an idea for the mask and for what the cache holds",
                    )
    return None


def keys_chosen(_file: ModelingFile, _lm: ModelingClass, classes: tuple[ModelingClass, ...]) -> Gap | None:
    """Attention that keeps only some of the keys."""
    for cls in classes:
        for method in cls.methods.values():
            for node in find(ast.Assign, method):
                targets = [target for target in node.targets if _is_stored(target)]
                if targets:
                    return Gap(
                        f"`{cls.name}` chooses what the cache holds: `{short(targets[0])} = ...`",
                        node.lineno,
                        "`<cache>.update(<key>, <value>, self.layer_idx)` as all that is done to the cache",
                        "a cache with the keys of some tokens needs an idea for slots, positions and the mask",
                    )
    return None


def _not_causal(cls: ModelingClass) -> Iterator[ast.AST]:
    for value in cls.assigned.get(_IS_CAUSAL, ()):
        if isinstance(value, ast.Constant) and value.value is False:
            yield next(
                node
                for node in find(ast.Assign, cls.node)
                if node.value is value or any(self_attribute(target) == _IS_CAUSAL for target in node.targets)
            )
    calls = [call for method in cls.methods.values() for call in find(ast.Call, method)]
    names = {spelled(func).rpartition(".")[2] for call in calls for func in (call.func, *_chosen(call.func, cls))}
    # One that makes masks of both kinds chooses between them, and one kind of them is for tokens of an encoder.
    for_encoders = {name for name in names if name in _OF_ENCODERS or "bidirectional" in name}
    for_encoders = set() if any("causal" in name for name in names) else for_encoders
    for call in calls:
        given = {item.arg: item.value for item in call.keywords}
        name = spelled(call.func).rpartition(".")[2]
        mask = given.get("attn_mask")
        causal = given.get(_IS_CAUSAL)
        unmasked = "scaled_dot_product_attention" in name and (mask is None or _is(mask, None))
        if name in for_encoders or (unmasked and _is(causal, False)):
            yield call


def _chosen(called: ast.expr, cls: ModelingClass) -> Iterator[ast.expr]:
    """The two that a called local stands for, where it is set to one or the other."""
    for method in cls.methods.values():
        for node in find(ast.Assign, method):
            if isinstance(node.value, ast.IfExp) and spelled(node.targets[0]) == spelled(called):
                yield from (node.value.body, node.value.orelse)


def _is(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _is_positions(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Attribute) and "position" in spelled(node).rpartition(".")[2]


def _is_stored(target: ast.expr) -> bool:
    """`<cache>.key_cache[...]`, whole or in part."""
    while isinstance(target, ast.Subscript):
        target = target.value
        if isinstance(target, ast.Attribute) and target.attr in _STORED and self_attribute(target) is None:
            return True
    return False
