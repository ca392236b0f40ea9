"""Record no hidden states and no attention weights, and return an output object.

`output_attentions`, `output_hidden_states` and `return_dict` choose what else upstream returns, and in what form. The
graph returns logits and retained state, and whoever calls the model by hand gets the output object. Where older files
hand `output_router_logits` down to their layers, it is one more of these.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.bindings import names_standing_for
from qeff_codegen.anatomy.modeling_file import bind, parameters
from qeff_codegen.anatomy.roles import CALL_PATH, Role
from qeff_codegen.codemod.calls import drop_arguments
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.folding import fold
from qeff_codegen.codemod.names import assigned, drop_assignments, values_of
from qeff_codegen.codemod.signatures import drop_parameters
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import match
from rewrite_rules.vocabulary import pattern

# Classes of output objects are called so.
OUTPUT = "Output"
# What locals that hold what is recorded are called.
RECORD = "all_"
SWITCHES = {"output_attentions": False, "output_hidden_states": False, "return_dict": True}
# What a layer that takes it puts behind its other results.
OF_ROUTERS = "output_router_logits"
DEFAULT = pattern("{$switch if $switch is not None else $configured, $switch or $configured}")


class NothingRecorded(Rule):
    why = "The graph returns logits and retained state: hidden states and attention weights are not recorded."
    roles = CALL_PATH
    names = (*SWITCHES, OF_ROUTERS)
    construct = f"conditions on {', '.join(f'`{name}`' for name in SWITCHES)}"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        switches, callees = _switches(anatomy), anatomy.callees(function.role).keys()
        by_place = _told_by_place(function, anatomy, switches)
        if code.names.isdisjoint(switches):
            # It only tells the next part what is decided.
            edits = Edits(code)
            return edits.done() if (told := _tell_no_longer(edits, by_place, callees, (), switches)) else code, told
        for node in code.nodes(ast.Assign):
            if not _sets_no_switch(node, switches) and not _sets_default(node):
                what = "a switch for what is recorded is set in another way than from the configuration"
                raise Unmatched(what, node)
        edits = Edits(code)
        drop_assignments(edits, switches)
        folded, decided = fold(
            edits.done(), lambda test: switches.get(test.id) if isinstance(test, ast.Name) else None
        )
        recorded = {name for name in folded.names_bound if name.startswith(RECORD) and _is_none(name, folded)}
        functions = _functions_without_switch(anatomy, switches)
        edits = Edits(folded)
        called = callees | functions | names_standing_for(functions, folded.tree)
        _tell_no_longer(edits, by_place, called, recorded, switches)
        drop_assignments(edits, recorded)
        drop_parameters(edits, switches)
        left = edits.done()
        used = (switches.keys() | recorded) & left.names
        if used:
            raise Unmatched(f"`{min(used)}` is used outside a branch on it", left.tree)
        return left, max(decided, 1)


def _switches(anatomy: Anatomy) -> dict[str, bool]:
    """The switches of a model, with what each is set to."""
    layers = anatomy.parts(Role.DECODER_LAYER)
    handed_down = any(OF_ROUTERS in parameters(layer.forward) for layer in layers)
    return {**SWITCHES, OF_ROUTERS: False} if handed_down else SWITCHES


def _sets_no_switch(node: ast.Assign, switches: Collection[str]) -> bool:
    return (assigned(node) or ("",))[0] not in switches


def _sets_default(node: ast.Assign) -> bool:
    """Whether a switch is set to its default from the configuration, where the caller gave none."""
    found = match(DEFAULT, node.value)
    if found is None or not isinstance(found["configured"], ast.Attribute):
        return False
    holder = spelled(found["configured"].value)
    return (assigned(node) or ("",))[0] == spelled(found["switch"]) and holder in ("self", "self.config")


def _is_none(name: str, code: Code) -> bool:
    """Whether a local is None, such as `() if output_hidden_states else None` has left it."""
    values = values_of(name, code)
    return len(values) == 1 and isinstance(values[0], ast.Constant) and values[0].value is None


def _functions_without_switch(anatomy: Anatomy, switches: Collection[str]) -> set[str]:
    """The attention functions that have no parameter for a switch: it only travels on in their keywords."""
    functions = anatomy.file.functions
    return {name for name in anatomy.attention_functions if set(switches).isdisjoint(parameters(functions[name]))}


def _tell_no_longer(
    edits: Edits,
    by_place: Mapping[str, Collection[str]],
    callees: Collection[str],
    recorded: Collection[str],
    switches: Mapping[str, bool],
) -> int:
    """Hand the switches on to nothing, and what is known to be None to no output object.

    Args:
        edits: takes the edits.
        by_place: the switches that the next parts are told by place, by how these are called.
        callees: what is called with switches.
        recorded: names that are None, since nothing is recorded.
        switches: what each switch is set to.

    Returns how many switches were handed on as they are decided: `return_dict=True`.
    """
    count = 0
    for call in edits.code.nodes(ast.Call):
        called = spelled(call.func)
        gone = {*(recorded if OUTPUT in called else ()), *(switches if called in callees else ())}
        named = [item for item in call.keywords if isinstance(item.value, ast.Name) and item.value.id in gone]
        decided = [item for item in call.keywords if called in callees and _is_decided(item, switches)]
        placed = [item for item in call.args if isinstance(item, ast.Name) and item.id in by_place.get(called, ())]
        drop_arguments(edits, call, [*named, *decided, *placed])
        count += len(decided)
    return count


def _told_by_place(function: Function, anatomy: Anatomy, switches: Collection[str]) -> dict[str, set[str]]:
    """By how the next parts are called, the switches that upstream hands to parameters of the same name.

    Upstream's own text tells the places; here other arguments may have gone already.
    """
    parts, told = anatomy.callees(function.role), {}
    forwards = [part.forward for part in anatomy.parts(function.role) if part.cls.name == function.owner]
    for call in [item for forward in forwards for item in find(ast.Call, forward)]:
        if (part := parts.get(spelled(call.func))) is not None:
            bound = bind(call, part.forward)
            told[spelled(call.func)] = {name for name in switches if name in bound and spelled(bound[name]) == name}
    return told


def _is_decided(argument: ast.keyword, switches: Mapping[str, bool]) -> bool:
    known = switches.get(argument.arg or "")
    return known is not None and isinstance(argument.value, ast.Constant) and argument.value.value is known
