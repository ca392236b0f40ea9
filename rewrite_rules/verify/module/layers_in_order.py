"""The model runs its decoder layers in the order in which they are numbered, each once.

The retained state is a list with a place for each layer: a layer that runs twice, late or never would leave holes.
Only layers whose attention adds an argument to its number may run several times, if every call of their stack gives it
one; that each place is then written once, and in order, is seen when the cache's shapes are asked of the model.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.caches import added_to_index, cache_update
from qeff_codegen.anatomy.modeling_file import self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check


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
            if not _runs_once(forward, set(stack.called_as)) and not _is_numbered(forward, stack, module)
        ]
        for part in module.anatomy.parts(looping):
            forward = module.method(part.name, "forward")
            every: list[ast.For | ast.While] = [*find(ast.For, forward), *find(ast.While, forward)]
            around = [loop for loop in every if any(spelled(call.func) in callees for call in find(ast.Call, loop))]
            inner = [loop for loop in around if not any(item in around for item in _inside(loop))]
            found += [
                Broken(
                    f"`{part.name}` does not run its layers in order: `{_head(loop)}`",
                    generated=loop.lineno,
                )
                for loop in inner
                if not _runs_in_order(loop, module, once=len(around) == 1)
            ]
        return found


def _inside(loop: ast.AST) -> list[ast.AST]:
    return [node for node in ast.walk(loop) if node is not loop]


def _head(loop: ast.For | ast.While) -> str:
    return f"for ... in {spelled(loop.iter)}" if isinstance(loop, ast.For) else f"while {spelled(loop.test)}"


def _runs_in_order(loop: ast.For | ast.While, module: FinishedModule, *, once: bool) -> bool:
    """Whether a loop runs its layers by their numbers: once, or several times where their calls are numbered."""
    if not isinstance(loop, ast.For):
        return False
    return (once and _is_in_order(loop.iter)) or (bool(_added(module)) and _is_stretch(loop.iter))


def _is_stretch(iterable: ast.expr) -> bool:
    """`self.<layers>`, or `self.<layers>[<from>:<to>]` without a step."""
    if isinstance(iterable, ast.Subscript) and isinstance(iterable.slice, ast.Slice) and iterable.slice.step is None:
        iterable = iterable.value
    return self_attribute(iterable) is not None


def _is_in_order(iterable: ast.expr) -> bool:
    """`self.<layers>`, or the first of them, alone, counted, or in step with something else."""
    if isinstance(iterable, ast.Call) and not iterable.keywords and spelled(iterable.func) == "enumerate":
        return len(iterable.args) == 1 and (_are_layers(iterable.args[0]) or _in_step(iterable.args[0]))
    return _are_layers(iterable) or _in_step(iterable)


def _in_step(iterable: ast.expr) -> bool:
    """`zip(self.<layers>, ...)`."""
    if not isinstance(iterable, ast.Call) or spelled(iterable.func) != "zip" or not iterable.args:
        return False
    return _are_layers(iterable.args[0]) and len(iterable.args) + len(iterable.keywords) > 1


def _are_layers(expression: ast.expr) -> bool:
    """`self.<layers>` or `self.<layers>[:self.config.<number>]`."""
    if not isinstance(expression, ast.Subscript):
        return self_attribute(expression) is not None
    until = expression.slice.upper if isinstance(expression.slice, ast.Slice) else None
    from_first = isinstance(expression.slice, ast.Slice) and not expression.slice.lower and not expression.slice.step
    configured = isinstance(until, ast.Attribute) and self_attribute(until.value) == "config"
    return from_first and configured and self_attribute(expression.value) is not None


def _runs_once(forward: ast.FunctionDef, stack: set[str]) -> bool:
    """Whether one statement of the body, on its own, runs the stack, and nothing else does."""
    calls = [call for call in find(ast.Call, forward) if spelled(call.func) in stack]
    alone = [item for item in forward.body if isinstance(item, ast.Assign) and item.value in calls]
    return len(calls) == len(alone) == 1


def _is_numbered(forward: ast.FunctionDef, stack: Part, module: FinishedModule) -> bool:
    """Whether every call of the stack gives what all attentions add to the number of their layer."""
    added = _added(module)
    calls = [call for call in find(ast.Call, forward) if spelled(call.func) in stack.called_as]
    return bool(added) and all(added <= {item.arg for item in call.keywords} for call in calls)


def _added(module: FinishedModule) -> set[str]:
    """What all attentions add to the number of their layer; empty where one adds nothing, or something else."""
    added = {
        added_to_index(update.args[2], part.forward) if (update := cache_update(part.cls)) is not None else ""
        for part in module.anatomy.parts(Role.ATTENTION)
    }
    return added if len(added) == 1 and "" not in added else set()
