"""Take a mixer's text for any device into its forward, where upstream has another one for a device with kernels.

Older releases write a layer that keeps a state twice: in calls of kernels, for a device that has them, and in
operations of PyTorch. Forward asks for the device, and returns what one of the two methods returns. The graph is made
on no such device, so forward is the second one's text.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.calls import bound_arguments
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.folding import fold
from qeff_codegen.codemod.names import assigned
from qeff_codegen.codemod.tree import find
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.inlining import take_in
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import equal, match
from rewrite_rules.vocabulary import pattern

ON_DEVICE, ON_ANOTHER = pattern("'cuda' in $_.device.type"), pattern("'cuda' not in $_.device.type")
# A switch that upstream turns off where the device has no kernels.
TURNED_OFF = pattern("""
if $switch:
    ...
    $switch = False
""")
RAISES_FIRST = pattern("raise $_")
LAYOUT_ENDS = "# fmt: on\n"
ARE_THERE = pattern("all($_)")


class TextForAnyDevice(Rule):
    why = "Upstream has two texts for the layer, one in kernels of another device; the other one is what the graph is."
    roles = (Role.STATE_MIXER,)
    construct = f"`if <kernels> and {ON_DEVICE}: return self.<method>(...)`, then `return self.<method>(...)`"

    def apply(self, draft: Draft) -> None:
        super().apply(draft)
        for function in list(draft.of(*self.roles)):
            returned = _returned_method(function, draft.anatomy)
            if returned is not None:
                statement, call, name = returned
                method = next(item for item in draft.of(*self.roles) if item.qualified_name == name)
                try:
                    given = _given(call, method)
                except Unmatched as unmatched:
                    raise self.refuse(draft, function, unmatched.what, unmatched.node) from None
                take_in(function, statement, method, given, self.id)
                draft.matches[self.id] += 1
                draft.leave_uncalled(method.owner or "")

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if _returned_method(function, anatomy) is None:
            return code, 0
        # What ends the layout of the method before.
        code, count = fold(code.with_text(code.text.removeprefix(LAYOUT_ENDS)), _is_on_device)
        edits = Edits(code)
        for statement in _of_kernels(code):
            edits.remove(statement)
        code = _without_unread_answers(edits.done())
        other = next((node for item in code.body[:-1] for node in find(ast.Return, item)), None)
        if other is not None:
            raise Unmatched(f"`{function.owner}` chooses between its texts by more than the device", other)
        return code, count


def _without_unread_answers(code: Code) -> Code:
    """Without the names of an answer whether all kernels are there, which nothing reads any more."""
    edits = Edits(code)
    for statement in code.body:
        named = assigned(statement)
        if named is not None and named[0] not in code.names_loaded and match(ARE_THERE, named[1]) is not None:
            edits.remove(statement)
    return edits.done()


def _is_on_device(test: ast.expr) -> bool | None:
    if match(ON_DEVICE, test) is not None:
        return False
    return True if match(ON_ANOTHER, test) is not None else None


def _returned_method(function: Function, anatomy: Anatomy) -> tuple[ast.Return, ast.Call, str] | None:
    """The last statement of a forward, its call and the method's name, if it returns what a method returns."""
    part = anatomy.part(function.owner or "")
    last = function.code.body[-1]
    if not function.is_forward or part is None or not isinstance(last, ast.Return):
        return None
    name = self_attribute(last.value.func) if isinstance(last.value, ast.Call) else None
    if name is None or name not in part.cls.methods or not isinstance(last.value, ast.Call):
        return None
    return last, last.value, f"{function.owner}.{name}"


def _of_kernels(code: Code) -> Iterator[ast.stmt]:
    """Statements that run only where there are kernels, on a device where upstream asks for them first."""
    off: ast.expr | None = None
    for statement in code.body:
        if not isinstance(statement, ast.If) or statement.orelse:
            continue
        turned_off = match(TURNED_OFF, statement)
        if turned_off is not None:
            off = turned_off["switch"]
            yield statement
        elif off is not None and equal(statement.test, off):
            yield statement
        elif len(statement.body) > 1 and match(RAISES_FIRST, statement.body[0]) is not None:
            # What follows is not come to.
            yield statement


def _given(call: ast.Call, method: Function) -> dict[str, str]:
    """What the parameters of a method stand for that are named otherwise than what they are given."""
    parameters = method.code.parameters[1:]
    bound = bound_arguments(call, parameters)
    if bound is None or not all(isinstance(value, ast.Name) for value in bound.values()):
        raise Unmatched(f"`{method.qualified_name}` is given more than names", call)
    if missing := [name for name in parameters if name not in bound]:
        raise Unmatched(f"`{method.qualified_name}` is not given `{missing[0]}`", call)
    given = {name: value.id for name, value in bound.items() if isinstance(value, ast.Name) and value.id != name}
    if given.keys() & {value.id for value in bound.values() if isinstance(value, ast.Name)}:
        raise Unmatched(f"`{method.qualified_name}` calls what it is given by each other's names", call)
    return given
