"""Keep the window of a convolution in the cache, where a module keeps it on itself.

What a module has kept belongs to the rows of the call before, and is no input of the graph. Upstream starts from zeros
whenever a call has several tokens; the cache knows which rows begin.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import self_attribute
from qeff_codegen.anatomy.module_states import WINDOW, kept_attribute, window_kept
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.anatomy.vocabulary import LAYER_NUMBER
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.signatures import add_parameters
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import make
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match
from rewrite_rules.vocabulary import CACHE

GIVEN = f"""
$columns = {CACHE}.update_conv_state($columns, {LAYER_NUMBER}, conv_kernel_size=$size)
$columns = causal_conv1d($columns, $convolution.weight.squeeze(1), $convolution.bias)[..., -$length:]
"""


class WindowKeptInCache(Rule):
    why = "What a row has kept is an input and an output of the graph, and the cache knows which rows begin."
    roles = (Role.STATE_MIXER,)

    @property
    def construct(self) -> str:
        return f"`{WINDOW.shown}`, with a depthwise convolution of the module's own"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        found = window_kept(code, anatomy.file.classes[function.owner or ""]) if function.is_forward else None
        if found is None:
            return code, 0
        if LAYER_NUMBER in code.names:
            raise Unmatched(f"`{LAYER_NUMBER}` is a name for something else here", code.tree)
        _expect_kept_inside(found, function, anatomy)
        edits = Edits(code)
        make(edits, found, GIVEN)
        # What is said above is said of the zeros that a sequence begins with.
        edits.replace_above(found.statements[0], [line for line in edits.above(found.statements[0]) if not line])
        add_parameters(edits, {LAYER_NUMBER: "int | None"})
        return edits.done(), 1


def _expect_kept_inside(found: Match, function: Function, anatomy: Anatomy) -> None:
    """Refuse what is set to zeros along with the window, unless it is what a module inside keeps.

    Raises:
        Unmatched: it is something else, of which nobody knows what it is for.
    """
    other = found.bound.get("other")
    if not isinstance(other, ast.Attribute):
        raise Unmatched("more than a window begins with zeros", found.node)
    built = anatomy.file.classes[function.owner or ""].built.get(self_attribute(other.value) or "", ())
    if not built or any(kept_attribute(anatomy.file.classes[name], anatomy.file) != other.attr for name in built):
        raise Unmatched(f"`{ast.unparse(other)}` is no state that a module keeps on itself", found.node)
