"""Record no hidden states and no attention weights, and return an output object.

`output_attentions`, `output_hidden_states` and `return_dict` choose what else upstream returns, and in what form. The
graph returns logits and retained state, and whoever calls the model by hand gets the output object.
"""

from __future__ import annotations

import ast
from collections.abc import Collection

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.bindings import names_standing_for
from qeff_codegen.anatomy.modeling_file import parameters
from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.codemod.calls import drop_arguments
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.folding import fold
from qeff_codegen.codemod.names import assigned, drop_assignments, values_of
from qeff_codegen.codemod.signatures import drop_parameters
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import match
from rewrite_rules.vocabulary import pattern

# Classes of output objects are called so.
OUTPUT = "Output"
# What locals that hold what is recorded are called.
RECORD = "all_"
SWITCHES = {"output_attentions": False, "output_hidden_states": False, "return_dict": True}
DEFAULT = pattern("{$switch if $switch is not None else $configured, $switch or $configured}")


class NothingRecorded(Rule):
    why = "The graph returns logits and retained state: hidden states and attention weights are not recorded."
    roles = CALL_PATH
    names = tuple(SWITCHES)
    construct = f"conditions on {', '.join(f'`{name}`' for name in SWITCHES)}"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        callees = anatomy.callees(function.role).keys()
        if code.names.isdisjoint(SWITCHES):
            # It only tells the next part what is decided.
            edits = Edits(code)
            return edits.done() if (told := _tell_no_longer(edits, callees, ())) else code, told
        for node in code.nodes(ast.Assign):
            if not _sets_no_switch(node) and not _sets_default(node):
                what = "a switch for what is recorded is set in another way than from the configuration"
                raise Unmatched(what, node)
        edits = Edits(code)
        drop_assignments(edits, SWITCHES)
        folded, decided = fold(edits.done(), _truth)
        recorded = {name for name in folded.names_bound if name.startswith(RECORD) and _is_none(name, folded)}
        functions = _functions_without_switch(anatomy)
        edits = Edits(folded)
        _tell_no_longer(edits, callees | functions | names_standing_for(functions, folded.tree), recorded)
        drop_assignments(edits, recorded)
        drop_parameters(edits, SWITCHES)
        left = edits.done()
        used = (SWITCHES.keys() | recorded) & left.names
        if used:
            raise Unmatched(f"`{min(used)}` is used outside a branch on it", left.tree)
        return left, max(decided, 1)


def _sets_no_switch(node: ast.Assign) -> bool:
    return (assigned(node) or ("",))[0] not in SWITCHES


def _sets_default(node: ast.Assign) -> bool:
    """Whether a switch is set to its default from the configuration, where the caller gave none."""
    found = match(DEFAULT, node.value)
    if found is None or not isinstance(found["configured"], ast.Attribute):
        return False
    holder = spelled(found["configured"].value)
    return (assigned(node) or ("",))[0] == spelled(found["switch"]) and holder in ("self", "self.config")


def _truth(test: ast.expr) -> bool | None:
    return SWITCHES.get(test.id) if isinstance(test, ast.Name) else None


def _is_none(name: str, code: Code) -> bool:
    """Whether a local is None, such as `() if output_hidden_states else None` has left it."""
    values = values_of(name, code)
    return len(values) == 1 and isinstance(values[0], ast.Constant) and values[0].value is None


def _functions_without_switch(anatomy: Anatomy) -> set[str]:
    """The attention functions that have no parameter for a switch: it only travels on in their keywords."""
    functions = anatomy.file.functions
    return {name for name in anatomy.attention_functions if SWITCHES.keys().isdisjoint(parameters(functions[name]))}


def _tell_no_longer(edits: Edits, callees: Collection[str], recorded: Collection[str]) -> int:
    """Hand the switches on to nothing, and what is known to be None to no output object.

    Returns how many switches were handed on as they are decided: `return_dict=True`.
    """
    count = 0
    for call in edits.code.nodes(ast.Call):
        called = spelled(call.func)
        gone = {*(recorded if OUTPUT in called else ()), *(SWITCHES if called in callees else ())}
        named = [item for item in call.keywords if isinstance(item.value, ast.Name) and item.value.id in gone]
        decided = [item for item in call.keywords if called in callees and _is_decided(item)]
        drop_arguments(edits, call, [*named, *decided])
        count += len(decided)
    return count


def _is_decided(argument: ast.keyword) -> bool:
    known = SWITCHES.get(argument.arg or "")
    return known is not None and isinstance(argument.value, ast.Constant) and argument.value.value is known
