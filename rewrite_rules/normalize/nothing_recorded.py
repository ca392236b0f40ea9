"""Record no hidden states and no attention weights, and return an output object.

`output_attentions`, `output_hidden_states` and `return_dict` choose what else upstream returns, and in what form. The
graph returns logits and retained state, and whoever calls the model by hand gets the output object.
"""

from __future__ import annotations

import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import parameters
from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._folding import fold
from rewrite_rules._functions import names_standing_for
from rewrite_rules._matching import (
    assigned_name,
    names_read,
    source,
    spelled,
    tree_of,
    without_assignments,
    without_parameters,
)

# Classes of output objects are called so.
OUTPUT = "Output"
SWITCHES = {"output_attentions": False, "output_hidden_states": False, "return_dict": True}


class NothingRecorded(Rule):
    why = "The graph returns logits and retained state: hidden states and attention weights are not recorded."
    roles = CALL_PATH
    construct = f"conditions on {', '.join(f'`{name}`' for name in SWITCHES)}"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward:
            return function.node, 0
        if not set(SWITCHES) & names_read(function.node):
            return _without_decided(function.node, set(anatomy.callees(function.role)))
        defaults = _FindDefaults()
        function.node.visit(defaults)
        if defaults.other is not None:
            raise Unmatched(
                "a switch for what is recorded is set in another way than from the configuration", defaults.other
            )
        node, decided = fold(without_assignments(function.node, set(SWITCHES)), _is_switch)
        recorded = _names_without_record(node)
        node = without_assignments(node, recorded)
        functions = _functions_without_switch(anatomy)
        takers = set(anatomy.callees(function.role)) | functions | names_standing_for(functions, tree_of(node))
        dropper = _DropArguments(set(SWITCHES), recorded, takers)
        node = without_parameters(cst.ensure_type(node.visit(dropper), cst.FunctionDef), set(SWITCHES))
        left = (set(SWITCHES) | recorded) & names_read(node)
        if left:
            raise Unmatched(f"`{min(left)}` is used outside a branch on it", node.params)
        return node, max(decided, 1)


def _without_decided(function: cst.FunctionDef, callees: set[str]) -> tuple[cst.FunctionDef, int]:
    """A forward that only tells the next part what is decided, without that."""
    dropper = _DropArguments(set(), set(), callees)
    node = cst.ensure_type(function.visit(dropper), cst.FunctionDef)
    return (node, dropper.decided) if dropper.decided else (function, 0)


class _FindDefaults(cst.CSTVisitor):
    """The first assignment of a switch that is not its default from the configuration, where the caller gave none."""

    def __init__(self) -> None:
        self.other: cst.CSTNode | None = None

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        assigned = assigned_name(node)
        if assigned is None or assigned[0] not in SWITCHES:
            return
        text, name = " ".join(spelled(assigned[1]).split()), assigned[0]
        if not re.fullmatch(rf"{name} (if {name} is not None else|or) self\.(config\.)?\w+", text):
            self.other = self.other or node


def _is_switch(test: cst.BaseExpression) -> bool | None:
    if isinstance(test, cst.Name):
        return SWITCHES.get(test.value)
    return None


def _functions_without_switch(anatomy: Anatomy) -> set[str]:
    """The attention functions that have no parameter for a switch: it only travels on in their keywords."""
    functions = anatomy.file.functions
    return {name for name in anatomy.attention_functions if not set(SWITCHES) & set(parameters(functions[name]))}


def _names_without_record(function: cst.FunctionDef) -> set[str]:
    """Locals such as `all_hidden_states`, of which `() if output_hidden_states else None` has left None."""
    finder = _FindNone()
    function.visit(finder)
    return {name for name, values in finder.values.items() if values == ["None"]}


class _FindNone(cst.CSTVisitor):
    def __init__(self) -> None:
        self.values: dict[str, list[str]] = {}

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        assigned = assigned_name(node)
        if assigned is not None and assigned[0].startswith("all_"):
            self.values.setdefault(assigned[0], []).append(source(assigned[1]))


class _DropArguments(cst.CSTTransformer):
    """Hand the switches on to nothing, and what is known to be None to no output object."""

    def __init__(self, switches: set[str], recorded: set[str], callees: set[str]) -> None:
        self.switches = switches
        self.recorded = recorded
        self.callees = callees
        self.decided = 0

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        called = spelled(original_node.func)
        gone = (self.recorded if OUTPUT in called else set()) | (self.switches if called in self.callees else set())
        kept = [item for item in updated_node.args if item.keyword is None or source(item.value) not in gone]
        if called in self.callees:
            open_ones = [item for item in kept if not _is_decided(item)]
            self.decided += len(kept) - len(open_ones)
            kept = open_ones
        return updated_node if len(kept) == len(updated_node.args) else updated_node.with_changes(args=kept)


def _is_decided(argument: cst.Arg) -> bool:
    """Whether an argument hands a switch on as it is decided: `return_dict=True`."""
    name = argument.keyword.value if argument.keyword is not None else ""
    return name in SWITCHES and source(argument.value) == str(SWITCHES[name])
