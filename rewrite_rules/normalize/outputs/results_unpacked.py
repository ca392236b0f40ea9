"""Unpack what a decoder layer or an attention returns where it is called.

Older files keep the tuple, `outputs = block(...)`, and take the hidden states out by index. Unpacked, the call says
what it takes, and the cache can be taken along. What stands behind the hidden states is there to be recorded, and
nobody asks for it: where it is only handed on, as `(hidden_states,) + outputs[1:]`, the hidden states are. A name that
is only read as `outputs[0]` is what it is read for.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned, bind_value, values_of
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, find_all
from rewrite_rules.vocabulary import pattern

KEPT = pattern("$results = $callee(...)\n$states = $results[0]")
FIRST, OTHERS = pattern("$results[0]"), pattern("$others = $results[1:]")
HANDED_ON = (pattern("return ($states,) + $others"), pattern("$all = ($states,) + $others\nreturn $all"))


class ResultsUnpacked(Rule):
    why = "Taking a result apart where it is made shows what is used of it, and where the cache belongs."
    roles = (Role.MODEL, Role.LAYER_STACK, Role.DECODER_LAYER, Role.ATTENTION_WRAPPER)
    construct = f"`{KEPT}` or `{FIRST}`, and at most `{OTHERS}` with `{HANDED_ON[0]}`".replace("\n", "; ")

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
        for made in code.nodes(ast.Assign) if function.is_forward else ():
            name, call = assigned(made) or ("", made.value)
            returned = counts.get(spelled(call.func)) if isinstance(call, ast.Call) else None
            reads = [item.expression for item in find_all(FIRST, code) if item.name("results") == name]
            if not name or returned is None or name in unpacked or not reads or len(values_of(name, code)) > 1:
                continue
            bind_value(edits, made, ", ".join([name, *["_"] * (returned - 1)]))
            for read in reads:
                edits.replace(read, name)
                indexed |= set(ast.walk(read))
            unpacked.add(name)
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
    named = [found for found in find_all(OTHERS, code) if found.spelled("results") in unpacked]
    for found in named:
        edits.remove(code.statement_of(found.node))
        seen |= set(ast.walk(found.node))
    others = {found.spelled("others") for found in named}
    spellings = others | {f"{name}[1:]" for name in unpacked}
    for returned in [found for form in HANDED_ON for found in find_all(form, code)]:
        if returned.spelled("others") in spellings:
            seen |= _return_first(edits, returned)
    unpacked |= others
    return seen


def _return_first(edits: Edits, found: Match) -> set[ast.AST]:
    """Return the first result alone, at once; where the others were read, and what held them all."""
    made, returned = found.nodes[0], found.nodes[-1]
    assert isinstance(made, ast.Assign | ast.Return) and isinstance(returned, ast.Return)
    assert isinstance(made.value, ast.BinOp) and returned.value is not None
    edits.replace(returned.value, f"({edits.code.segment(found['states'])},)")
    if made is not returned:
        edits.remove(made)
    return {*ast.walk(made.value.right), *([returned.value] if made is not returned else [])}
