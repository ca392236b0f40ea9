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

from qeff_codegen.anatomy.key_blocks import softmax_statement
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import find_all
from qeff_codegen.patterns.pattern import Pattern

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
        "`$interface = <attention function>` in an attention, the function being scores, `softmax($scores, dim=-1)` "
        "and one product with the values"
    )

    def apply(self, draft: Draft) -> None:
        draft.matches[self.id] = 0
        prepared: set[str] = set()
        for function in [item for item in draft.of(Role.ATTENTION_FUNCTION) if item.owner is None]:
            found = softmax_statement(function.code.tree)
            wrapped = _wrapped_callers(draft, function.name) if found is not None else []
            if found is None or not wrapped:
                continue
            function.replace(_with_sum(function.code, *found), self.id)
            for attention, code in wrapped:
                attention.replace(code, self.id)
                if attention.owner is not None and attention.owner not in prepared:
                    prepared.add(attention.owner)
                    draft.add_method(attention.owner, PREPARE, self.id)
            draft.matches[self.id] += len(wrapped)


def _wrapped_callers(draft: Draft, name: str) -> list[tuple[Function, Code]]:
    """The attention forwards that give the function a local name, rewritten; none if it is named anywhere else."""
    callers = []
    named_local = Pattern(f"$interface = {name}")
    for function in draft.functions:
        if name not in function.code.names:
            continue
        code = function.code
        edits = Edits(code)
        found = find_all(named_local, code)
        for item in found:
            assert isinstance(item.node, ast.Assign)
            edits.replace(item.node.value, f"{OVER_BLOCKS}({name}, self.{BLOCKS})")
        part = draft.anatomy.part(function.owner or "")
        named = sum(node.id == name for node in code.nodes(ast.Name))
        if part is None or "config" not in part.cls.assigned or not function.is_forward or len(found) != named:
            return []
        callers.append((function, edits.done()))
    return callers


def _with_sum(code: Code, index: int, scores: str) -> Code:
    """The function with the sum taken before the softmax and returned as well."""
    edits = Edits(code)
    edits.insert_under_gap(code.body[index], f"{SUM} = torch.logsumexp({scores}, dim=-1, keepdim=True)")
    returned = code.body[-1]
    assert isinstance(returned, ast.Return) and isinstance(returned.value, ast.Tuple)
    results = ", ".join([*map(ast.unparse, returned.value.elts), SUM])
    edits.replace_statement(returned, f"return {results}")
    return edits.done()
