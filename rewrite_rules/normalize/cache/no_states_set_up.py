"""Set up no states on modules before the first call.

Where modules keep states on themselves, the model gives them zeros when it makes a cache. Generated layers are given
their states with the cache, and those of a row that begins are zeros.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingClass, self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all, match
from rewrite_rules.vocabulary import pattern

CALLED = pattern("$set_up(self.config, ...)")
EVERY_LAYER = pattern("""
$layers = getattr(self, $_, self).layers
for $layer in $layers:
    if hasattr($mixer, $_):
        $set_up(...)
""")
ZEROS = pattern("torch.zeros(...)")


class NoStatesSetUp(Rule):
    why = "A layer is given its states with the cache; those of a row that begins are zeros."
    roles = (Role.MODEL,)
    construct = f"`{CALLED}`, a method that calls one of the same name of every layer's mixer, which sets zeros"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        edits, count = Edits(code), 0
        for found in find_all(CALLED, code) if function.is_forward else ():
            name = self_attribute(found["set_up"])
            method = _method(name, anatomy.model.cls, anatomy)
            if method is None or not isinstance(code.parent(found.node), ast.Expr):
                continue
            if match(EVERY_LAYER, method.body) is None or not all(map(_sets_zeros, _of_mixers(name, anatomy))):
                raise Unmatched(f"`self.{name}` does more than to set states to zeros", found.node)
            edits.remove(code.statement_of(found.node))
            count += 1
        return edits.done(), count


def _method(name: str | None, cls: ModelingClass, anatomy: Anatomy) -> ast.FunctionDef | None:
    """A method of a class or of its bases in the file, that mixers have by the same name."""
    own = cls.methods.get(name or "")
    bases = [anatomy.file.classes[base] for base in cls.bases if base in anatomy.file.classes]
    inherited = (_method(name, base, anatomy) for base in bases)
    found = own or next((item for item in inherited if item is not None), None)
    return found if _of_mixers(name, anatomy) else None


def _of_mixers(name: str | None, anatomy: Anatomy) -> list[ast.FunctionDef]:
    mixers = anatomy.parts(Role.STATE_MIXER)
    return [part.cls.methods[name] for part in mixers if name is not None and name in part.cls.methods]


def _sets_zeros(method: ast.FunctionDef) -> bool:
    """Whether a method does nothing but set attributes, its own or of its modules, to zeros."""
    return all(
        isinstance(node, ast.Assign)
        and all(spelled(target).startswith("self.") for target in node.targets)
        and match(ZEROS, node.value) is not None
        for node in method.body
    ) and bool(find(ast.Assign, method))
