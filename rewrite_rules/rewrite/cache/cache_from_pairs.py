"""Take the KV cache as a list of (key, value) pairs and give it back as one.

ONNX has tensors, not cache objects: the model wraps what comes in into a `QEffDynamicCache`, and unwraps it on the way
out. A cache object that comes in stays one.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Expect, Rule
from qeff_codegen.patterns.match import Match, find_all, match
from rewrite_rules.vocabulary import CACHE, pattern

MADE = pattern(f"""
if $test:
    $...before
    {CACHE} = DynamicCache(...)
""")
MISSING = pattern(f"{CACHE} is None")
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

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        made = [found for found in find_all(MADE, code) if _only_makes_missing(found, code)]
        edits = Edits(code)
        for found in made:
            edits.replace_statement(code.statement_of(found.node), TAKE)
        if made:
            comments = [line for line in edits.above(code.body[-1]) if line]
            edits.replace_above(code.body[-1], [*GIVE.split("\n"), *comments])
        return edits.done(), len(made)


def _only_makes_missing(found: Match, code: Code) -> bool:
    """Whether a branch makes the cache where there is none, and sets nothing else but locals of its own before it."""
    test, before = found["test"], found.bound["before"]
    asked = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]
    assert isinstance(before, list)
    inside = set(ast.walk(found.node))
    own = {(assigned(item) or ("",))[0] for item in before}
    own -= {node.id for node in code.nodes(ast.Name) if node not in inside}
    return any(match(MISSING, item) for item in asked) and all(_sets(item, own) for item in before)


def _sets(item: ast.AST, names: set[str]) -> bool:
    """Whether a statement binds one of `names`, or an attribute of one."""
    if not isinstance(item, ast.Assign) or len(item.targets) != 1:
        return False
    target = item.targets[0]
    while isinstance(target, ast.Attribute):
        target = target.value
    return isinstance(target, ast.Name) and target.id in names
