"""Recognise a rotation whose forward chooses by the longest position of a call, between two sets of rows.

It takes `seq_len = torch.max(position_ids) + 1` and asks nothing of it but whether it is beyond the original context,
itself or in transformers' function for the frequencies. Up to there all rows are of one kind, beyond of the other.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.modeling_file import ModelingClass, parameters
from qeff_codegen.codemod.tree import find, spelled, walk

LONGEST = "torch.max(position_ids) + 1"
ORIGINAL = "self.config.rope_parameters['original_max_position_embeddings']"
FREQUENCIES = "self.rope_init_fn"
DEFAULT = "compute_default_rope_parameters"
MADE_BY = {f"self.{DEFAULT}", "ROPE_INIT_FUNCTIONS[self.rope_type]"}


def longest_taken(cls: ModelingClass) -> ast.Assign | None:
    """The statement that takes the longest position, if forward only chooses between two sets of rows by it."""
    forward = cls.forward
    taken = next((item for item in forward.body if _is_longest(item)), None) if forward is not None else None
    if forward is None or not isinstance(taken, ast.Assign) or not isinstance(taken.targets[0], ast.Name):
        return None
    name = taken.targets[0].id
    uses = _names_in(forward).count(name) - 1
    return taken if uses == sum(_chooses(node, name) for node in walk(forward)) and _known(cls) else None


def _is_longest(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and len(statement.targets) == 1 and spelled(statement.value) == LONGEST


def _chooses(node: ast.AST, name: str) -> int:
    """How often a node itself uses `name` for no more than the choice."""
    if isinstance(node, ast.Compare):
        return spelled(node) == f"{name} > {ORIGINAL}"
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        return sum(spelled(value) == name for value in node.values)
    if isinstance(node, ast.Call) and spelled(node.func) == FREQUENCIES:
        values = [*node.args[2:], *(item.value for item in node.keywords if item.arg == "seq_len")]
        return [spelled(value) for value in values] == [name]
    return 0


def _known(cls: ModelingClass) -> bool:
    """Whether the frequencies come from transformers' functions, or from the class's own, whatever the length."""
    made = {spelled(value) for value in cls.assigned.get("rope_init_fn", ())}
    own = cls.methods.get(DEFAULT)
    reads_length = own is not None and "seq_len" in _names_in(own)
    return made <= MADE_BY and not reads_length


def refuses_layer_types(forward: ast.FunctionDef) -> bool:
    """Whether forward takes `layer_type` only to raise when one is given."""
    for statement in forward.body:
        if isinstance(statement, ast.If) and spelled(statement.test) == "layer_type is not None":
            inside, everywhere = (_names_in(node).count("layer_type") for node in (statement, forward))
            raises = len(statement.body) == 1 and isinstance(statement.body[0], ast.Raise) and not statement.orelse
            return "layer_type" in parameters(forward) and raises and inside == everywhere
    return False


def _names_in(tree: ast.AST) -> list[str]:
    return [node.id for node in find(ast.Name, tree)]
