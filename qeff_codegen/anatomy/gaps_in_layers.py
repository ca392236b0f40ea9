"""Gaps in how layers are built and run, and in what they keep from token to token."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.called_modules import called_modules
from qeff_codegen.anatomy.gap import Gap, short
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, parameters, self_attribute
from qeff_codegen.anatomy.other_state import other_state
from qeff_codegen.codemod.tree import find, spelled


def state_beside_cache(file: ModelingFile, _lm: ModelingClass, classes: tuple[ModelingClass, ...]) -> Gap | None:
    found = other_state(file, classes)
    if found is None:
        return None
    cls, place = found
    return Gap(
        f"`{cls.name}` keeps a state that is no key or value: `{short(place)}`",
        place.lineno,
        "`<cache>.update(<key>, <value>, self.layer_idx)` as all that a layer keeps from token to token",
        "retained states other than keys and values need rules of their own: for the cache, its inputs and outputs",
    )


def no_cache(_file: ModelingFile, lm: ModelingClass, classes: tuple[ModelingClass, ...]) -> Gap | None:
    """A decoder that computes all tokens anew in every call: nothing takes a cache, and nothing updates one."""
    methods = [method for cls in classes for method in cls.methods.values()]
    names = {name for method in methods for name in parameters(method)}
    if any(word in name for name in names for word in ("past", "cache")) or lm.forward is None:
        return None
    return Gap(
        f"`{lm.name}` has no KV cache: nothing that it builds takes or updates one",
        lm.forward.lineno,
        "`<key>, <value> = <cache>.update(<key>, <value>, self.layer_idx)` in an attention",
        "an attention that is given all tokens in every call needs an idea that gives it a cache",
    )


def hidden_states_kept(_file: ModelingFile, _lm: ModelingClass, classes: tuple[ModelingClass, ...]) -> Gap | None:
    """Hidden states of earlier tokens that are put in front of the new ones: keys are computed anew from them."""
    for cls in classes:
        for method in cls.methods.values():
            given = set(parameters(method))
            for call in find(ast.Call, method):
                joined = call.args[0].elts if call.args and isinstance(call.args[0], (ast.List, ast.Tuple)) else []
                if spelled(call.func) == "torch.cat" and len(joined) > 1 and "dim=0" in map(spelled, call.keywords):
                    if all(isinstance(item, ast.Name) and item.id in given for item in joined):
                        return Gap(
                            f"`{cls.name}` keeps hidden states instead of keys and values: `{short(call)}`",
                            call.lineno,
                            "`<key>, <value> = <cache>.update(<key>, <value>, self.layer_idx)` in an attention",
                            "a memory of hidden states needs an idea that keeps what is made of them",
                        )
    return None


def several_kinds(file: ModelingFile, lm: ModelingClass, _classes: tuple[ModelingClass, ...]) -> Gap | None:
    """A list of layers that `__init__` fills, layer by layer, with one class or another."""
    for cls in (lm, *(inner for _, inner in called_modules(file, lm))):
        filled: dict[str, dict[str, int]] = {}
        for call in find(ast.Call, cls.methods.get("__init__")):
            if isinstance(call.func, ast.Attribute) and call.func.attr == "append" and call.args:
                # What a layer is made from is no layer of the list.
                layer = call.args[0].func if isinstance(call.args[0], ast.Call) else call.args[0]
                kinds = [item.id for item in find(ast.Name, layer)]
                known = filled.setdefault(spelled(call.func.value), {})
                known.update({kind: call.lineno for kind in kinds if kind in file.classes})
        for name, kinds_of_list in filled.items():
            if len(kinds_of_list) > 1:
                return Gap(
                    f"`{cls.name}` fills `{name}` with several kinds of layer: {', '.join(kinds_of_list)}",
                    min(kinds_of_list.values()),
                    "one class of decoder layer in the nn.ModuleList",
                    "layers of several classes need an idea for what each of them keeps and is given",
                )
    return None


def layers_run_elsewhere(_file: ModelingFile, _lm: ModelingClass, classes: tuple[ModelingClass, ...]) -> Gap | None:
    """The list of layers is handed to something that runs them: a reversible function, for example."""
    for cls in classes:
        lists = {name for name, values in cls.assigned.items() if any(map(_makes_list, values))}
        for call in find(ast.Call, cls.forward):
            handed = [attribute for item in call.args if (attribute := self_attribute(item)) in lists]
            if handed and isinstance(call.func, ast.Attribute):
                return Gap(
                    f"`{cls.name}` hands its layers `self.{handed[0]}` to `{spelled(call.func)}`, which runs them",
                    call.lineno,
                    "`for <layer> in self.<layers>` in a forward",
                    "the layers have to be run in a loop that rules can read",
                )
    return None


def _makes_list(value: ast.expr) -> bool:
    return any(spelled(call.func).endswith("ModuleList") for call in find(ast.Call, value))


def parts_of_layers(_file: ModelingFile, _lm: ModelingClass, classes: tuple[ModelingClass, ...]) -> Gap | None:
    """A loop over numbers that takes attention, norms and so on of each layer from a list of each."""
    for cls in classes:
        for loop in find(ast.For, cls.forward):
            if not isinstance(loop.iter, ast.Call) or spelled(loop.iter.func) != "range":
                continue
            number = spelled(loop.target)
            taken = {
                spelled(call.func): None
                for call in find(ast.Call, loop)
                if isinstance(call.func, ast.Subscript)
                and self_attribute(call.func.value) in cls.assigned
                and spelled(call.func.slice) == number
            }
            if len(taken) > 1:
                return Gap(
                    f"`{cls.name}` has no decoder layer, its loop takes parts from lists: {', '.join(taken)}",
                    loop.lineno,
                    "`for <layer> in self.<layers>` over an nn.ModuleList of one kind of layer",
                    "parts of layers in lists of their own need an idea that brings them together",
                )
    return None
