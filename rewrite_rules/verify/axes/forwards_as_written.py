"""What runs for a module is the forward that its class has: nothing hooks into it, and nothing takes its place.

Whoever follows what is computed reads forwards. A hook changes what goes in or comes out of one without a word there,
and so does another function in the place of one, or a class that is called, or asked for attributes, in its own way.
"""

from __future__ import annotations

import ast
import re

from qeff_codegen.codemod.tree import spelled, walk
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check

# Hooks on loading weights run before anything is computed.
_HOOK = re.compile(r"register_(module_)?(forward|full_backward|backward)(_pre)?_hook|register_hook|_(forward|backward)\w*_hooks")
_REPLACED = frozenset({"forward", "__class__", "__call__"})
# Methods by which a class decides itself what a call or an attribute of it is.
_OF_CALLS = frozenset({"__call__", "_call_impl", "__getattr__", "__getattribute__", "__torch_function__"})


class ForwardsAsWritten(Check):
    promise = "What runs for a module is its class's forward: nothing hooks into it or takes its place."

    def broken(self, module: FinishedModule) -> list[Broken]:
        file = module.anatomy.file
        found = [Broken(problem, node.lineno) for node in walk(file.tree) if (problem := _problem(node))]
        return found + [
            Broken(f"`{name}` decides itself what `{method}` does", file.classes[name].methods[method].lineno)
            for name in module.anatomy.reachable
            for method in sorted(_OF_CALLS & file.classes[name].methods.keys())
        ]


def _problem(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        if _HOOK.fullmatch(node.attr):
            return f"a module is hooked into: `{spelled(node)}`"
        if isinstance(node.ctx, ast.Store) and node.attr in _REPLACED:
            return f"something takes the place of `{spelled(node)}`"
    if isinstance(node, ast.Call) and spelled(node.func).rsplit(".", 1)[-1] in {"setattr", "getattr", "__setattr__"}:
        name = node.args[1].value if len(node.args) > 1 and isinstance(node.args[1], ast.Constant) else None
        if isinstance(name, str) and (_HOOK.fullmatch(name) or name in _REPLACED):
            return f"a module is hooked into, or something takes its place: `{spelled(node)}`"
    return ""
