"""Call the KV cache `past_key_values` everywhere.

Upstream has called it `past_key_value`, `past_key_values` and `cache` within three years. It is found by what it does:
the receiver of `.update(<key>, <value>, self.layer_idx)` in the attention, followed outwards along the calls. A method
that a forward hands it to calls it the same.
"""

from __future__ import annotations

import ast

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy, Part
from qeff_codegen.anatomy.modeling_file import bind, self_attribute
from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._matching import CACHE, source, spelled


class CacheByOneName(Rule):
    why = "The KV cache has one name in generated code, whatever upstream calls it in this release."
    roles = CALL_PATH
    construct = "a parameter that holds the KV cache"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        part = anatomy.part(function.owner or "")
        if part is None:
            return function.node, 0
        methods = _given_cache(part)
        if function.is_forward:
            keywords = {name: callee.cache_parameter for name, callee in anatomy.callees(part.role).items()}
            renamer = _Rename(part.cache_parameter, keywords | methods)
        elif f"self.{function.name}" in methods:
            renamer = _Rename(methods[f"self.{function.name}"], {})
        else:
            return function.node, 0
        node = cst.ensure_type(function.node.visit(renamer), cst.FunctionDef)
        return (node, 1) if renamer.renamed else (function.node, 0)


def _given_cache(part: Part) -> dict[str, str]:
    """Methods that a part's forward hands the cache to, by how they are called, with the parameter that takes it."""
    found: dict[str, str] = {}
    for call in (node for node in ast.walk(part.forward) if isinstance(node, ast.Call)):
        method = part.cls.methods.get(self_attribute(call.func) or "")
        for name, value in bind(call, method).items() if method is not None else ():
            if ast.unparse(value) == part.cache_parameter:
                found[ast.unparse(call.func)] = name
    return found


class _Rename(cst.CSTTransformer):
    """Rename the parameter and its uses, and the keyword it is handed on by; attributes and dictionary keys stay."""

    def __init__(self, old: str, keywords: dict[str, str]) -> None:
        self.old = old
        self.keywords = keywords
        self.renamed = False

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.Attribute:
        return updated_node.with_changes(attr=original_node.attr)

    def leave_Arg(self, original_node: cst.Arg, updated_node: cst.Arg) -> cst.Arg:
        return updated_node.with_changes(keyword=original_node.keyword)

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        keyword = self.keywords.get(spelled(original_node.func))
        if keyword is None or keyword == CACHE:
            return updated_node
        self.renamed = True
        return updated_node.with_changes(
            args=[
                (
                    item.with_changes(keyword=cst.Name(CACHE))
                    if item.keyword is not None and item.keyword.value == keyword
                    else item
                )
                for item in updated_node.args
            ]
        )

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        if self.old == CACHE or source(updated_node) != self.old:
            return updated_node
        self.renamed = True
        return updated_node.with_changes(value=CACHE)
