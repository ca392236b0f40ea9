"""Find the functions and methods that receive the attention mask: where scores are masked."""

from __future__ import annotations

import ast
from collections.abc import Collection

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.modeling_file import ModelingFile, bind, self_attribute
from qeff_codegen.codemod.tree import find, spelled, walk

MASK = "attention_mask"


def find_attention_functions(
    file: ModelingFile, attentions: tuple[Part, ...]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Functions that the attentions' forwards hand `attention_mask` to, and those forwards that use it themselves.

    Returns:
        The names of module-level functions, in file order, and for every one of them and every method
        (`Class.method`) the name of the parameter that receives the mask.
    """
    functions: dict[str, str] = {}
    methods: dict[str, str] = {}
    for part in attentions:
        if _selects_scores(part.forward):
            methods[f"{part.name}.{part.forward.name}"] = MASK
        interface = _interface_functions(file, part.forward)
        masks = {MASK, *masks_in_dictionary(part.forward)}
        for call in find(ast.Call, part.forward):
            called = spelled(call.func)
            names = interface.get(called, (called,))
            for name in names:
                if name in file.functions:
                    parameter = _mask_parameter(call, file.functions[name], masks)
                    if parameter is not None:
                        functions[name] = parameter
            method = part.cls.methods.get(self_attribute(call.func) or "")
            if method is not None and (parameter := _mask_parameter(call, method, masks)) is not None:
                methods[f"{part.name}.{method.name}"] = parameter
    ordered = tuple(name for name in file.functions if name in functions)
    return ordered, {**functions, **methods}


def names_of_mask(function: ast.FunctionDef, mask: str) -> set[str]:
    """The mask's name, and locals that are bound to a slice of it."""
    masks = {mask}
    for node in walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript):
            if isinstance(node.value.value, ast.Name) and node.value.value.id in masks:
                masks.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return masks


def masks_in_dictionary(forward: ast.FunctionDef) -> dict[str, str]:
    """Locals that hold an entry of a dictionary which is given in the mask's place, each with the entry's key."""
    tables, found = {MASK}, {}
    for node in find(ast.Assign, forward):
        target, value = node.targets[0], node.value
        if not isinstance(target, ast.Name):
            continue
        if spelled(value) == f"{MASK} or {{}}":
            tables.add(target.id)
        elif isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "get":
            key = value.args[0] if value.args else None
            if spelled(value.func.value) in tables and isinstance(key, ast.Constant) and isinstance(key.value, str):
                found[target.id] = key.value
    return found


def _interface_functions(file: ModelingFile, forward: ast.FunctionDef) -> dict[str, tuple[str, ...]]:
    """Local names bound to an attention implementation, with the module-level functions they may stand for."""
    found: dict[str, tuple[str, ...]] = {}
    for node in find(ast.Assign, forward):
        functions = tuple(child.id for child in find(ast.Name, node.value) if child.id in file.functions)
        if not functions or (isinstance(node.value, ast.Call) and not _is_registry_lookup(node.value)):
            continue
        for target in node.targets:
            if isinstance(target, ast.Name):
                found[target.id] = (*found.get(target.id, ()), *functions)
    return found


def _is_registry_lookup(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "get_interface"


def _selects_scores(forward: ast.FunctionDef) -> bool:
    """Whether a forward masks its scores itself: adds the mask, or a slice of it, or fills by it."""
    masks = names_of_mask(forward, MASK)
    for node in walk(forward):
        operands: list[ast.expr] = []
        if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.BitAnd):
            operands = [node.left, node.right]
        elif isinstance(node, ast.AugAssign):
            operands = [node.value]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "masked_fill":
            operands = node.args[:1]
        if any(isinstance(operand, ast.Name) and operand.id in masks for operand in operands):
            return True
    return False


def _mask_parameter(call: ast.Call, callee: ast.FunctionDef, masks: Collection[str]) -> str | None:
    for parameter, value in bind(call, callee).items():
        if isinstance(value, ast.Name) and value.id in masks:
            return parameter
    return None
