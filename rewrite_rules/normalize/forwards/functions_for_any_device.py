"""Call the functions of the file where upstream calls a kernel if there is one.

Older releases keep in an attribute a kernel of another package, or else a function of the file. The graph is made
where there are no kernels, and the function is what upstream computes there.

    self.rule = kernel or function      # __init__
    ... self.rule(...)                  -> ... function(...)
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, self_attribute
from qeff_codegen.anatomy.optional_kernels import holds_kernel, kernel_or_function
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.folding import fold
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import match
from rewrite_rules.vocabulary import pattern

GIVEN, ABSENT = pattern("$kernel is not None"), pattern("$kernel is None")


class FunctionsForAnyDevice(Rule):
    why = "The graph is made where there are no kernels, and computes what upstream's own functions do."
    roles = (Role.STATE_MIXER,)
    construct = "`self.<name>(...)` or `self.<name> is not None`, where `__init__` assigns `<kernel> or <function>`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        cls = anatomy.file.classes[function.owner or ""]
        code, count = fold(function.code, lambda test: _is_there(test, cls, anatomy.file))
        edits = Edits(code)
        for call in code.nodes(ast.Call):
            called = kernel_or_function(self_attribute(call.func) or "", cls, anatomy.file)
            if called is not None:
                edits.replace(call.func, called)
                count += 1
        return edits.done(), count


def _is_there(test: ast.expr, cls: ModelingClass, file: ModelingFile) -> bool | None:
    for asked, truth in ((GIVEN, False), (ABSENT, True)):
        found = match(asked, test)
        if found is not None and holds_kernel(self_attribute(found["kernel"]) or "", cls, file):
            return truth
    return None
