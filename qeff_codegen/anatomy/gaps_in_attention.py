"""Gaps in what may be attended to: rows, keys and masks that positions do not decide."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.gap import Gap, short
from qeff_codegen.anatomy.keys_joined import joined_after_update
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile
from qeff_codegen.codemod.tree import find, spelled


def more_rows_than_tokens(_file: ModelingFile, _lm: ModelingClass, classes: tuple[ModelingClass, ...]) -> Gap | None:
    """`x = torch.cat(<x and others>, 1)` on the way to the layers: what follows has more rows than positions."""
    for cls in classes:
        for node in find(ast.Assign, cls.forward):
            if not isinstance(node.value, ast.Call):
                continue
            target, call = node.targets[0], node.value
            along = [*call.args[1:], *(keyword.value for keyword in call.keywords if keyword.arg == "dim")]
            if spelled(call.func) != "torch.cat" or [spelled(item) for item in along] != ["1"]:
                continue
            joined = {item.id for item in find(ast.Name, call.args[0] if call.args else None)}
            if isinstance(target, ast.Name) and target.id in joined and target.id in ("input_ids", "hidden_states"):
                return Gap(
                    f"`{cls.name}` gives its layers more rows than there are tokens: `{short(node)}`",
                    node.lineno,
                    "one row for each token, at the position that `position_ids` says",
                    "rows without a position of their own need an idea for mask and cache",
                )
    return None


def keys_beside_cache(_file: ModelingFile, _lm: ModelingClass, classes: tuple[ModelingClass, ...]) -> Gap | None:
    """Keys that are joined to those of the cache after its update; where they are an argument, a rule sees to them."""
    for cls in classes:
        for node, argument in joined_after_update(cls.forward).items():
            if not argument:
                return Gap(
                    f"`{cls.name}` attends to more than the cache holds: `{short(node)}`",
                    node.lineno,
                    "keys and values that are those of the cache, whose slots the mask is made for",
                    "keys without a slot of their own need an idea for mask and cache",
                )
    return None


def mask_by_values(_file: ModelingFile, _lm: ModelingClass, classes: tuple[ModelingClass, ...]) -> Gap | None:
    """An attention that cuts its mask down to the keys with the best scores."""
    for cls in classes:
        for method in cls.methods.values():
            takes_mask = "attention_mask" in {item.arg for item in method.args.args}
            for call in find(ast.Call, method) if takes_mask else ():
                if spelled(call.func) == "torch.topk" and any("mask" in spelled(item) for item in call.args):
                    return Gap(
                        f"`{cls.name}` chooses by values which tokens may be attended to: `{short(call)}`",
                        call.lineno,
                        "a mask that depends on positions alone",
                        "a mask made from the scores of keys needs an idea that keeps it boolean and static",
                    )
    return None


def random_choices(_file: ModelingFile, _lm: ModelingClass, classes: tuple[ModelingClass, ...]) -> Gap | None:
    for cls in classes:
        for method in cls.methods.values():
            for call in find(ast.Call, method) if method.name != "__init__" else ():
                if spelled(call.func).startswith("np.random."):
                    return Gap(
                        f"`{cls.name}` draws at random what is attended to: `{short(call)}`",
                        call.lineno,
                        "a mask that depends on positions alone",
                        "random choices would be frozen into the graph; another attention of the file may do without",
                    )
    return None
