"""The model runs its decoder layers in the order in which they are numbered, each once.

The retained state is a list with a place for each layer: a layer that runs twice, late or never would leave holes.
"""

from __future__ import annotations

import ast
import re

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check

LAYERS = r"self\.\w+(\[:self\.config\.\w+\])?"
IN_ORDER = re.compile(rf"{LAYERS}|enumerate\({LAYERS}\)|zip\({LAYERS}, .+\)|enumerate\(zip\({LAYERS}, .+\)\)")


class LayersInOrder(Check):
    promise = "The model runs its decoder layers one after the other, each once."

    def broken(self, module: FinishedModule) -> list[Broken]:
        stacks = module.anatomy.parts(Role.LAYER_STACK)
        looping = Role.LAYER_STACK if stacks else Role.MODEL
        callees = set(module.anatomy.callees(looping))
        found = [
            Broken(f"`{part.name}` runs `{stack.name}` more than once, or in a loop", generated=forward.lineno)
            for part in module.anatomy.parts(Role.MODEL)
            for stack in stacks
            if (forward := module.method(part.name, "forward")) is not None
            if not _runs_once(forward, set(stack.called_as))
        ]
        return found + [
            Broken(
                f"`{part.name}` does not run its layers in order: `for ... in {ast.unparse(node.iter)}`",
                generated=node.lineno,
            )
            for part in module.anatomy.parts(looping)
            if (forward := module.method(part.name, "forward")) is not None
            for node in ast.walk(forward)
            if isinstance(node, ast.For) and _calls_any(node, callees)
            if not IN_ORDER.fullmatch(ast.unparse(node.iter))
        ]


def _calls_any(loop: ast.For, callees: set[str]) -> bool:
    return any(isinstance(node, ast.Call) and ast.unparse(node.func) in callees for node in ast.walk(loop))


def _runs_once(forward: ast.FunctionDef, stack: set[str]) -> bool:
    """Whether one statement of the body, on its own, runs the stack, and nothing else does."""
    calls = [node for node in ast.walk(forward) if isinstance(node, ast.Call) and ast.unparse(node.func) in stack]
    alone = [item for item in forward.body if isinstance(item, ast.Assign) and item.value in calls]
    return len(calls) == len(alone) == 1
