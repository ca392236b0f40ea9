"""Return the KV cache from the attention and the decoder layer, and take it where they are called.

A traced module's outputs are what it returns; a cache that is only changed in place would be invisible to whoever
exports a layer on its own. A model, and a stack of layers that returns an output object, have it there already.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.layer_stacks import stacks_return_states
from qeff_codegen.anatomy.roles import BESIDE, INNERMOST, Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned, bind_value
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Expect, Rule, Unmatched
from qeff_codegen.patterns.match import match
from rewrite_rules.vocabulary import CACHE, pattern

# What may return the hidden states alone.
ALONE = (Role.LAYER_STACK, Role.DECODER_LAYER, Role.ATTENTION_WRAPPER, *BESIDE)
ANY_TUPLE = pattern("{tuple, Tuple}")
TUPLE_TYPE = pattern("{tuple, Tuple}[$items]")
EITHER = pattern("$first | $last")


class ReturnCache(Rule):
    why = "What a module changes it returns: the updated cache is an output of every layer, not a side effect."
    roles = (Role.MODEL, Role.LAYER_STACK, Role.DECODER_LAYER, Role.ATTENTION_WRAPPER, *INNERMOST)
    expect = Expect.AT_LEAST_ONE
    construct = (
        "`return <hidden states>` or `return <hidden states>, <weights>` in a decoder layer, "
        "`return <output>, <weights>` in an attention, `return <output>` in a state mixer or an indexer, "
        "each called as `<result> = <callee>(...)`"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code, role = function.code, function.role
        if not function.is_forward:
            return code, 0
        alone = stacks_return_states(anatomy)
        if role is Role.MODEL and anatomy.parts(Role.LAYER_STACK) and not alone:
            return code, 1  # the stack's output object holds the cache
        counts: dict[ast.AST, set[int | None]] = {
            call: {anatomy.returned_count(part) for part in parts} for call, parts in anatomy.calls(role, code.tree)
        }
        calls = [node for node in code.nodes(ast.Assign) if node.value in counts]
        edits = Edits(code)
        for node in calls:
            if len(node.targets) != 1 or not any(_takes(node.targets[0], count) for count in counts[node.value]):
                raise Unmatched(f"the {role} takes the result otherwise", node)
            bind_value(edits, node, _with_cache(node.targets[0], code))
        if role is Role.MODEL or (role is Role.LAYER_STACK and not alone):
            return edits.done(), len(calls)
        for returned in code.nodes(ast.Return):
            if returned.value is None or not _is_returned(returned.value, role, code):
                raise Unmatched(f"the {role} returns something else", returned)
            edits.replace(returned.value, _with_cache(returned.value, code))
        if code.tree.returns is not None:
            edits.replace(code.tree.returns, _with_cache_type(code.tree.returns, code))
        return edits.done(), len(calls) + len(code.nodes(ast.Return))


def _takes(target: ast.expr, count: int | None) -> bool:
    """Whether a target takes apart a tuple of `count` values, or takes the only one."""
    if count is None or not isinstance(target, ast.Tuple):
        return count in (None, 1) and isinstance(target, ast.Name)
    return len(target.elts) == count


def _is_returned(value: ast.expr, role: Role, code: Code) -> bool:
    """Whether a value is a tuple written out, or the hidden states alone, as layers and state mixers return them."""
    if role in (Role.LAYER_STACK, *BESIDE) and isinstance(value, ast.Call):
        return True
    if role not in ALONE or not isinstance(value, ast.Name | ast.BinOp):
        return isinstance(value, ast.Tuple)
    bound = [named for node in code.nodes(ast.Assign) if (named := assigned(node)) is not None]
    tuples = {name for name, item in bound if isinstance(item, ast.Tuple)}
    return not isinstance(value, ast.Name) or value.id not in tuples


def _with_cache(value: ast.expr, code: Code) -> str:
    """A tuple or a single value with the cache behind it, in parentheses if there were any."""
    if not isinstance(value, ast.Tuple):
        return f"{code.segment(value)}, {CACHE}"
    items = ", ".join([*(code.segment(item) for item in value.elts), CACHE])
    is_enclosed = code.places.span(value)[0] < code.span(value.elts[0])[0]
    return f"({items})" if is_enclosed else items


def _with_cache_type(annotation: ast.expr, code: Code) -> str:
    """`tuple[A, B]` becomes `tuple[A, B, Cache]`, `A` becomes `tuple[A, Cache]`; open-ended tuples already fit.

    Of tuples that are alternatives, each gets the cache; `tuple` alone says nothing of what is in it.
    """
    if match(ANY_TUPLE, annotation):
        return code.segment(annotation)
    either = match(EITHER, annotation)
    if either is not None and match(TUPLE_TYPE, either["last"]):
        return " | ".join(_with_cache_type(either[name], code) for name in ("first", "last"))
    taken = match(TUPLE_TYPE, annotation)
    if taken is None:
        return f"tuple[{spelled(annotation)}, Cache]"
    items = taken["items"].elts if isinstance(taken["items"], ast.Tuple) else [taken["items"]]
    if isinstance(items[-1], ast.Constant) and items[-1].value is ...:
        return code.segment(annotation)
    return f"tuple[{', '.join(code.segment(item) for item in items)}, Cache]"
