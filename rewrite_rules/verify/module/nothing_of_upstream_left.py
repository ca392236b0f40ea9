"""What upstream does at run time and the graph must not: building masks and caches, lookups, dropout, loss."""

from __future__ import annotations

import ast

from qeff_codegen.codemod.tree import find, spelled, walk
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check

MODULES = {
    "transformers.masking_utils": "a mask builder",
    "transformers.modeling_rope_utils": "a RoPE decorator",
    "transformers.integrations": "a kernel hook",
}
NAMES = {
    "ALL_ATTENTION_FUNCTIONS": "the attention registry",
    "DynamicCache": "a cache class",
    "StaticCache": "a cache class",
    "EncoderDecoderCache": "a cache class",
    "slice_logits_to_keep": "upstream's choice of logits",
}
ATTRIBUTES = {"loss_function": "a loss", "training": "a condition on training"}
DECORATORS = {"staticmethod", "classmethod", "property"}


class NothingOfUpstreamLeft(Check):
    promise = "No upstream mask builder, cache class, attention registry, dropout, loss or decorator is left."

    def broken(self, module: FinishedModule) -> list[Broken]:
        found = [
            Broken(f"`{name}` is left, {MODULES[source]}", generated=module.first_use(name))
            for name, source in module.imports.items()
            if source in MODULES
        ]
        named = {node.id for node in find(ast.Name, module.tree)}
        found += [
            Broken(f"`{name}` is left, {what}", generated=module.first_use(name))
            for name, what in NAMES.items()
            if name in module.imports and name not in named
        ]
        dropouts = {f"self.{name}" for part in module.anatomy.replaced for name in part.cls.made_by("Dropout")}
        for node in walk(module.tree):
            if isinstance(node, ast.Name) and node.id in NAMES:
                found.append(Broken(f"`{node.id}` is left, {NAMES[node.id]}", generated=node.lineno))
            elif isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES:
                found.append(Broken(f"`{spelled(node)}` is left, {ATTRIBUTES[node.attr]}", generated=node.lineno))
            elif isinstance(node, ast.Call) and _drops(spelled(node.func), dropouts, module.defined):
                found.append(Broken(f"`{spelled(node)}` is left, dropout", generated=node.lineno))
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found += [
                    Broken(f"the decorator `{spelled(item)}` is left", generated=item.lineno)
                    for item in node.decorator_list
                    if spelled(item) not in DECORATORS
                ]
        return found


def _drops(function: str, dropouts: set[str], defined: frozenset[str]) -> bool:
    """Whether a call is one of dropout: a function named so, or a module that `__init__` makes an nn.Dropout.

    A function of the generated module is looked into, whatever it is named.
    """
    return function not in defined and ("dropout" in function.lower() or function in dropouts)
