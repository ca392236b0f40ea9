"""Find modules that keep a cache of their own, beside the KV cache that is handed to the attention."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.modeling_file import ModelingClass, self_attribute


def own_cache(cls: ModelingClass) -> tuple[str, int] | None:
    """The attribute that forward appends to and keeps for the next call, and the line where it does."""
    if cls.forward is None:
        return None
    kept = {
        attribute: node.lineno
        for node in ast.walk(cls.forward)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if (attribute := self_attribute(target)) is not None and not isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(cls.forward):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.cat", "torch.concat") and node.args:
            for item in ast.walk(node.args[0]):
                attribute = self_attribute(item) if isinstance(item, ast.Attribute) else None
                if attribute in kept:
                    return attribute, kept[attribute]
    return None
