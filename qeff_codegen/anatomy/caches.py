"""Where the KV cache is updated, and what each forward on the way there calls it."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, bind, parameters, self_attribute
from qeff_codegen.anatomy.refusing import refusal
from qeff_codegen.codemod.tree import find, speaks_of, spelled

# <key>, <value> and the layer's index.
GIVEN = 3


def cache_update(cls: ModelingClass) -> ast.Call | None:
    """The first `<cache>.update(<key>, <value>, <layer index>, ...)` of the class, if there is one.

    The index is the layer's own, or one that it is handed in every call, as layers that share weights are.
    """
    for method in cls.methods.values():
        for call in find(ast.Call, method):
            if not isinstance(call.func, ast.Attribute) or call.func.attr != "update" or len(call.args) < GIVEN:
                continue
            if is_layer_index(call.args[2], method):
                return call
    return None


def is_layer_index(index: ast.expr, method: ast.FunctionDef) -> bool:
    """Whether an expression is the number of a layer: `self.layer_idx`, or a parameter by such a name.

    A layer that runs several times in a call adds a parameter that says which time it is.
    """
    if added_to_index(index, method):
        assert isinstance(index, ast.BinOp)
        return is_layer_index(index.left, method)
    if isinstance(index, ast.Name):
        return index.id.startswith("layer_i") and index.id in parameters(method)
    return (self_attribute(index) or "").startswith("layer_i")


def added_to_index(index: ast.expr, method: ast.FunctionDef) -> str:
    """The parameter that is added to the number of a layer, by each call that runs it once more; empty without one."""
    if isinstance(index, ast.BinOp) and isinstance(index.op, ast.Add) and isinstance(index.right, ast.Name):
        return index.right.id if index.right.id in parameters(method) else ""
    return ""


def received_cache(file: ModelingFile, cls: ModelingClass, update: ast.Call) -> str:
    """The parameter of forward that the updated cache comes from, through at most one local alias.

    Raises:
        Refusal: it comes from elsewhere.
    """
    assert isinstance(update.func, ast.Attribute) and cls.forward is not None
    receiver = spelled(update.func.value)
    names = {item.arg for item in (*cls.forward.args.args, *cls.forward.args.kwonlyargs)}
    if receiver in names:
        return receiver
    for statement in find(ast.Assign, cls.forward):
        if receiver in map(spelled, statement.targets):
            if isinstance(statement.value, ast.Name) and statement.value.id in names:
                return statement.value.id
    raise refusal(
        file,
        f"`{receiver}` in `{cls.name}.forward` is not the KV cache that came in as a parameter",
        update.lineno,
        "`<cache>.update(...)` where <cache> is a parameter of forward",
    )


def handed_from(forward: ast.FunctionDef, name: str) -> str:
    """The parameter that a local name stands for, or for one layer's part of; the name itself if there is none."""
    given = {item.arg for item in (*forward.args.args, *forward.args.kwonlyargs)}
    if name in given:
        return name
    for loop in find(ast.For, forward):
        zipped = next((call for call in find(ast.Call, loop.iter) if spelled(call.func) == "zip"), None)
        targets = next((item for item in find(ast.Tuple, loop.target) if name in map(spelled, item.elts)), None)
        if zipped is not None and targets is not None and len(targets.elts) == len(zipped.args):
            one = zipped.args[[spelled(item) for item in targets.elts].index(name)]
            if isinstance(one, ast.Name) and one.id in given:
                return one.id
    for statement in find(ast.Assign, forward):
        value = statement.value.body if isinstance(statement.value, ast.IfExp) else statement.value
        value = value.value if isinstance(value, ast.Subscript) else value
        if name in map(spelled, statement.targets) and isinstance(value, ast.Name) and value.id in given:
            return value.id
    return name


def passed_cache(file: ModelingFile, caller: ModelingClass, callees: dict[str, Part]) -> str:
    """What `caller.forward` calls the cache it hands on to one of `callees`, which are keyed by their calls' spelling.

    Raises:
        Refusal: it hands none on, or none that has a plain name.
    """
    calls = [call for call in find(ast.Call, caller.forward) if spelled(call.func) in callees]
    handed: list[str] = []
    withheld: list[ast.Call] = []
    for call in calls:
        part = callees[spelled(call.func)]
        value = bind(call, part.forward).get(part.cache_parameter)
        # `<cache> if use_cache else None`
        value = value.body if isinstance(value, ast.IfExp) else value
        names = find(ast.Name, value)
        if names:
            handed.append(names[0].id)
        elif part.cache_parameter and not _needs_no_cache(call, caller.forward):
            withheld.append(call)
    # Layers of several kinds call what they have by one name, and some of it calls the cache otherwise.
    withheld = [call for call in withheld if not any(name.id in handed for name in find(ast.Name, call))]
    if handed and not withheld:
        return handed_from(caller.forward, handed[0]) if caller.forward is not None else handed[0]
    line = caller.forward.lineno if caller.forward else caller.node.lineno
    named = " or ".join(f"`{name}(...)`" for name in callees)
    raise refusal(
        file,
        f"`{caller.name}.forward` does not hand the KV cache on",
        line,
        f"a call of {named} that passes the cache",
    )


def _needs_no_cache(call: ast.Call, forward: ast.FunctionDef | None) -> bool:
    """Whether a call in `forward` is of what keeps nothing, such as an MLP that other layers have by the same name.

    Attention to an encoder's states is dropped later.
    """
    if speaks_of("encoder", call):
        return True
    is_in_branch = any(call in find(ast.Call, branch) for branch in find(ast.If, forward))
    return is_in_branch and not speaks_of("mask", call)
