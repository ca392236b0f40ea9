"""No function asks its `**kwargs` for what is a parameter of its own.

Upstream's attention finds the positions, or the cache, among its keywords. Where a generated function has them as
parameters, its keywords hold them no longer, and a question for them would be answered with the default.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.modeling_file import parameters
from qeff_codegen.codemod.tree import line_of, spelled, walk
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check


class OwnParametersNotInKwargs(Check):
    promise = "No function asks its keywords for what is a parameter of its own."

    def broken(self, module: FinishedModule) -> list[Broken]:
        return [
            Broken(
                f"`{name}` has `{asked}` as a parameter, and not among its keywords", generated=line_of(node, function)
            )
            for name, function in module.functions
            if (keywords := function.args.kwarg) is not None
            for node in walk(function)
            if isinstance(node, ast.expr) and (asked := _asked(node, keywords.arg)) in parameters(function)
        ]


def _asked(node: ast.expr, keywords: str) -> str:
    """The name that a subscript, a method or a comparison looks for in the keywords; nothing where it does not."""
    key: ast.expr | None = None
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and spelled(node.value) == keywords:
        key = node.slice
    elif isinstance(node, ast.Call) and spelled(node.func) in {f"{keywords}.get", f"{keywords}.pop"} and node.args:
        key = node.args[0]
    elif isinstance(node, ast.Compare) and spelled(node.comparators[0]) == keywords:
        key = node.left
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
