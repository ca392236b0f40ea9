"""Take off the decorators that upstream hangs on a forward.

Each of them is known by what it does at run time, and that is nothing an exported decoder needs: documentation, output
hooks, renamed keywords, kernels from the hub, defaults from the configuration for arguments the export always gives. A
decorator that is not known here may hide behaviour, so it is a refusal.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import CALL_PATH, Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.signatures import drop_decorators
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched

KNOWN = {
    "auto_docstring": "writes documentation",
    "add_start_docstrings_to_model_forward": "writes documentation",
    "replace_return_docstrings": "writes documentation",
    "can_return_tuple": "turns the output into a tuple on `return_dict=False`, which the export never passes",
    "capture_outputs": "collects hidden states and attentions, which the graph does not return",
    "check_model_inputs": "collects hidden states and attentions, which the graph does not return",
    "merge_with_config_defaults": "defaults `use_cache` from the configuration; a QEff model always uses its cache",
    "deprecate_kwarg": "accepts an old keyword for a new one",
    "force_accelerate_hooks": "moves weights that were put elsewhere; the graph has one device",
    "torch.no_grad": "the graph has no gradients",
}
# How a method is bound; it stays.
BINDING = {"classmethod", "staticmethod"}


class PlainForward(Rule):
    why = "Decorators hide behaviour from the reader and the exporter; what they add has no place in the graph."
    roles = (*CALL_PATH, Role.ATTENTION_FUNCTION, Role.LISTED_EXPERTS)
    construct = f"one of the known decorators: {', '.join(sorted(KNOWN))}"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        worn = {item: _name(item) for item in function.code.tree.decorator_list}
        gone = [item for item, name in worn.items() if name not in BINDING]
        for item in gone:
            if worn[item] not in KNOWN or worn[item] in anatomy.file.names:
                raise Unmatched(f"`{function.qualified_name}` wears a decorator that may hide behaviour", item)
        edits = Edits(function.code)
        drop_decorators(edits, gone)
        return edits.done(), len(gone)


def _name(decorator: ast.expr) -> str:
    return spelled(decorator.func if isinstance(decorator, ast.Call) else decorator)
