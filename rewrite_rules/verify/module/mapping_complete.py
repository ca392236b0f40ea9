"""Every class that needs replacing is in the mapping, and every class of the module is reached by it."""

from __future__ import annotations

import ast

from qeff_codegen.codemod.tree import find
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check
from qeff_codegen.targets.target import PREFIX


class MappingComplete(Check):
    promise = "Every module class that upstream's causal LM builds and that needs replacing is in the mapping."

    def broken(self, module: FinishedModule) -> list[Broken]:
        mapped = {entry.upstream_class: entry.replacement for entry in module.mappings}
        own = [node for node in module.tree.body if isinstance(node, ast.ClassDef) and node.name not in module.copied]
        emitted = {node.name: node.lineno for node in own}
        needed = {part.name for part in module.anatomy.replaced}
        classes = module.anatomy.file.classes
        found = [
            Broken(f"`{name}` is not in the mapping", classes[name].node.lineno)
            for name in sorted(needed)
            if name not in mapped
        ]
        found += [
            Broken(f"`{name}` is generated but nothing maps to it", generated=emitted[name])
            for name in sorted(emitted.keys() - set(mapped.values()))
        ]
        found += [
            Broken(f"`{name}` is mapped to `{PREFIX}{name}`, which is not generated", classes[name].node.lineno)
            for name in sorted(needed)
            if mapped.get(name) not in emitted
        ]
        return found + _stale_callers(module, set(mapped))


def _stale_callers(module: FinishedModule, mapped: set[str]) -> list[Broken]:
    """Classes left to upstream that call a function of which the module has its own version."""
    functions = {node.name for node in module.tree.body if isinstance(node, ast.FunctionDef)}
    local = functions - module.copied
    return [
        Broken(f"`{name}` calls upstream's `{node.id}`, which the generated file replaces", node.lineno)
        for name in module.anatomy.reachable
        if name not in mapped
        for node in find(ast.Name, module.anatomy.file.classes[name].node)
        if node.id in local
    ]
