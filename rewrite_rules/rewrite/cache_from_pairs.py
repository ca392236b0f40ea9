"""Take the KV cache as a list of (key, value) pairs and give it back as one.

ONNX has tensors, not cache objects: the model wraps what comes in into a `QEffDynamicCache`, and unwraps it on the way
out. A cache object that comes in stays one.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Expect, Rule
from rewrite_rules._folding import none_comparison
from rewrite_rules._matching import CACHE, assigned_name, names_read, only_statement, source, statements_of

TAKE = f"""
return_legacy_cache = not isinstance({CACHE}, Cache)
if return_legacy_cache:
    {CACHE} = QEffDynamicCache.from_legacy_cache({CACHE})
"""
GIVE = f"""
if return_legacy_cache:
    {CACHE} = {CACHE}.to_legacy_cache()
"""


class CacheFromPairs(Rule):
    why = "The graph takes and returns the KV cache as plain tensors, preallocated for the whole context."
    roles = (Role.MODEL,)
    expect = Expect.EXACTLY_ONE
    construct = f"`if use_cache and {CACHE} is None: {CACHE} = DynamicCache(...)`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward:
            return function.node, 0
        taker = _Take(function.node)
        node = cst.ensure_type(function.node.visit(taker), cst.FunctionDef)
        return (_give_back(node), taker.count) if taker.count else (function.node, 0)


class _Take(cst.CSTTransformer):
    def __init__(self, function: cst.FunctionDef) -> None:
        self.function = function
        self.count = 0

    def leave_If(self, original_node: cst.If, updated_node: cst.If) -> cst.If | cst.FlattenSentinel[cst.BaseStatement]:
        elsewhere = cst.ensure_type(self.function.deep_remove(original_node), cst.FunctionDef)
        if not _makes_cache(updated_node, names_read(elsewhere)):
            return updated_node
        self.count += 1
        statements = list(cst.parse_module(TAKE.strip("\n") + "\n").body)
        first = cst.ensure_type(statements[0], cst.SimpleStatementLine)
        statements[0] = first.with_changes(leading_lines=updated_node.leading_lines)
        return cst.FlattenSentinel(statements)


def _makes_cache(node: cst.If, elsewhere: set[str]) -> bool:
    """`if ... <cache> is None: <cache> = DynamicCache(...)`, with nothing else but locals of its own before it.

    Args:
        node: the branch.
        elsewhere: names that are used outside of it.
    """
    body = statements_of(node.body)
    if node.orelse is not None or not body or not _asks_for_none(node.test):
        return False
    own = {name for item in body[:-1] if (name := (assigned_name(item) or ("",))[0])} - elsewhere
    assigned = assigned_name(body[-1])
    if assigned is None or assigned[0] != CACHE or not isinstance(assigned[1], cst.Call):
        return False
    return source(assigned[1].func) == "DynamicCache" and all(_is_set(item, own) for item in body[:-1])


def _is_set(item: cst.BaseStatement, names: set[str]) -> bool:
    """Whether a statement binds one of `names`, or an attribute of one."""
    statement = only_statement(item)
    if not isinstance(statement, cst.Assign) or len(statement.targets) != 1:
        return False
    return source(statement.targets[0].target).split(".")[0] in names


def _asks_for_none(test: cst.BaseExpression) -> bool:
    if isinstance(test, cst.BooleanOperation) and isinstance(test.operator, cst.And):
        return _asks_for_none(test.left) or _asks_for_none(test.right)
    return none_comparison(test, {CACHE}) is True


def _give_back(function: cst.FunctionDef) -> cst.FunctionDef:
    """Unwrap the cache before the final return."""
    body = list(function.body.body)
    last = body[-1]
    assert isinstance(last, cst.SimpleStatementLine)
    give = cst.ensure_type(cst.parse_statement(GIVE.strip("\n")), cst.If)
    body[-1:] = [
        give.with_changes(leading_lines=[cst.EmptyLine(indent=False)]),
        last.with_changes(leading_lines=[cst.EmptyLine(indent=False), *_without_blank(last.leading_lines)]),
    ]
    return function.with_changes(body=function.body.with_changes(body=body))


def _without_blank(lines: object) -> list[cst.EmptyLine]:
    assert isinstance(lines, (list, tuple))
    return [line for line in lines if line.comment is not None]
