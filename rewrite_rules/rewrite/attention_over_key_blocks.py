"""Let attention be computed over one block of keys after the other, so that a long context needs less memory.

`over_key_blocks` calls the attention function for each block and adds up the results by their weights: the logarithm
of the sum of the exponentials of a block's scores, which the function returns as well. How many blocks there are is
settled when the module takes over from upstream's, in `__qeff_init__`, from the configuration; with one block the
function is called as it is.

A function that does more with the scores of all keys than a softmax, or that is called in another way, keeps to one
block.
"""

from __future__ import annotations

import ast

import libcst as cst

from qeff_codegen.anatomy.key_blocks import softmax_statement
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._matching import assigned_name, line_of, statements_of, tree_of

OVER_BLOCKS = "over_key_blocks"
BLOCKS = "num_kv_blocks"
SUM = "attn_lse"
PREPARE = f'def __qeff_init__(self):\n    self.{BLOCKS} = getattr(self.config, "{BLOCKS}", 1)\n'


class AttentionOverKeyBlocks(Rule):
    why = (
        "Attention over one block of keys after the other needs less memory; the blocks' results are added up by the "
        "sums that the attention function returns."
    )
    roles = (Role.ATTENTION_FUNCTION, Role.ATTENTION)
    needs = (OVER_BLOCKS,)
    construct = (
        "`<interface> = <attention function>` in an attention, the function being scores, `softmax(<scores>, dim=-1)` "
        "and one product with the values"
    )

    def apply(self, draft: Draft) -> None:
        draft.matches[self.id] = 0
        prepared: set[str] = set()
        for function in [item for item in draft.of(Role.ATTENTION_FUNCTION) if item.owner is None]:
            found = softmax_statement(tree_of(function.node))
            wrapped = _wrapped_callers(draft, function.name) if found is not None else []
            if found is None or not wrapped:
                continue
            function.replace(_with_sum(function, *found), self.id)
            for attention, node in wrapped:
                attention.replace(node, self.id)
                if attention.owner is not None and attention.owner not in prepared:
                    prepared.add(attention.owner)
                    draft.add_method(attention.owner, PREPARE, self.id)
            draft.matches[self.id] += len(wrapped)


def _wrapped_callers(draft: Draft, name: str) -> list[tuple[Function, cst.FunctionDef]]:
    """The attention forwards that give the function a local name, rewritten; none if it is named anywhere else."""
    callers = []
    for function in draft.functions:
        named = sum(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree_of(function.node)))
        if not named:
            continue
        part = draft.anatomy.part(function.owner or "")
        wrapper = _OverBlocks(name)
        node = cst.ensure_type(function.node.visit(wrapper), cst.FunctionDef)
        if part is None or "config" not in part.cls.assigned or not function.is_forward or wrapper.count != named:
            return []
        callers.append((function, node))
    return callers


class _OverBlocks(cst.CSTTransformer):
    """Wraps the attention function where it is given its local name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine:
        assigned = assigned_name(updated_node)
        if assigned is None or not isinstance(assigned[1], cst.Name) or assigned[1].value != self.name:
            return updated_node
        self.count += 1
        call = cst.parse_expression(f"{OVER_BLOCKS}({self.name}, self.{BLOCKS})")
        return updated_node.with_changes(body=[updated_node.body[0].with_changes(value=call)])


def _with_sum(function: Function, index: int, scores: str) -> cst.FunctionDef:
    """The function with the sum taken before the softmax and returned as well."""
    body = statements_of(function.node.body)
    softmax = cst.ensure_type(body[index], cst.SimpleStatementLine)
    # Comments stay with the softmax.
    blank = [line for line in softmax.leading_lines if line.comment is None]
    comments = [line for line in softmax.leading_lines if line.comment is not None]
    total = line_of(f"{SUM} = torch.logsumexp({scores}, dim=-1, keepdim=True)").with_changes(leading_lines=blank)
    softmax = softmax.with_changes(leading_lines=comments)
    returned = tree_of(function.node).body[-1]
    assert isinstance(returned, ast.Return) and isinstance(returned.value, ast.Tuple)
    results = ", ".join([*map(ast.unparse, returned.value.elts), SUM])
    statements = [*body[:index], total, softmax, *body[index + 1 : -1], line_of(f"return {results}", body[-1])]
    return function.node.with_changes(body=function.node.body.with_changes(body=statements))
