"""Unpack what a decoder layer or an attention returns where it is called.

Older files keep the tuple, `outputs = block(...)`, and take the hidden states out by index. Unpacked, the call says
what it takes, and the cache can be taken along. What stands behind the hidden states is there to be recorded, and
nobody asks for it: where it is only handed on, as `(hidden_states,) + outputs[1:]`, the hidden states are.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import bind_value
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all
from rewrite_rules.vocabulary import pattern

KEPT = pattern("$results = $callee(...)\n$states = $results[0]")
OTHERS, HANDED_ON = pattern("$others = $results[1:]"), pattern("return ($states,) + $others")


class ResultsUnpacked(Rule):
    why = "Taking a result apart where it is made shows what is used of it, and where the cache belongs."
    roles = (Role.MODEL, Role.DECODER_LAYER)
    construct = f"`{KEPT}`, and at most `{OTHERS}` with `{HANDED_ON}`".replace("\n", "; ")

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        callees = anatomy.callees(function.role)
        counts = {name: anatomy.returned_count(part) for name, part in callees.items()}
        edits, count = Edits(code), 0
        unpacked: set[str] = set()
        indexed: set[ast.AST] = set()
        for found in find_all(KEPT, code) if function.is_forward else ():
            made, taken = found.nodes
            returned = counts.get(spelled(found["callee"]))
            if returned is None or not found.are_names("results", "states"):
                continue
            assert isinstance(made, ast.Assign) and isinstance(taken, ast.stmt)
            bind_value(edits, made, ", ".join([code.segment(found["states"]), *["_"] * (returned - 1)]))
            edits.remove(taken)
            unpacked.add(spelled(found["results"]))
            indexed |= set(ast.walk(taken))
            count += 1
        indexed |= _hand_on_no_others(edits, unpacked)
        left = [node for node in code.nodes(ast.Name) if isinstance(node.ctx, ast.Load) and node not in indexed]
        for node in reversed([node for node in left if node.id in unpacked]):
            raise Unmatched(f"`{node.id}` is used in another way than by one index", node)
        return edits.done(), count


def _hand_on_no_others(edits: Edits, unpacked: set[str]) -> set[ast.AST]:
    """Hand on nothing of what stands behind the first result; where it was. Adds to `unpacked`.

    Args:
        edits: takes the edits.
        unpacked: names that held all results.
    """
    code = edits.code
    seen: set[ast.AST] = set()
    for named in [found for found in find_all(OTHERS, code) if found.spelled("results") in unpacked]:
        for returned in find_all(HANDED_ON, code, {"others": named["others"]}):
            assert isinstance(returned.node, ast.Return) and isinstance(returned.node.value, ast.BinOp)
            edits.replace(returned.node.value, f"({code.segment(returned['states'])},)")
            seen.add(returned.node.value.right)
        edits.remove(code.statement_of(named.node))
        unpacked.add(named.spelled("others"))
        seen |= set(ast.walk(named.node))
    return seen
