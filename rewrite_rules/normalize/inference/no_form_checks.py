"""Drop upstream's checks on the form of what the graph is given in a form of its own.

The cache comes in as pairs of tensors and the mask is made from positions, by rules of their own. What upstream raises
when its caller hands it a cache of another class, or a mask of another kind, says nothing about these: left in, it
would raise at every call. A check that a growing cache itself would not pass asks for a cache that is not known here.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import CALL_PATH, Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.folding import decided, none_comparison
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.conditions import Place
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules.raised import Raised, raised_in
from rewrite_rules.vocabulary import CACHE

MASK = "attention_mask"
# Of which classes a growing cache is one, and of which it is none.
ITS_CLASSES = {f"transformers{part}.{name}" for part in ("", ".cache_utils") for name in ("Cache", "DynamicCache")}
OTHER_CLASSES = {"tuple", "list", "dict", "torch.Tensor", "type(None)", "types.NoneType"} | {
    f"transformers{part}.StaticCache" for part in ("", ".cache_utils")
}
# What of a mask is its kind, and what is its shape.
KIND = {"dtype", "is_floating_point", "dim", "ndim"}
SHAPE = {"shape", "size"}
RANK = 4


class NoFormChecks(Rule):
    why = (
        "The cache comes as pairs and the mask from positions: checks on how upstream is given them would only raise."
    )
    roles = (*CALL_PATH, Role.ATTENTION_FUNCTION)
    names = (CACHE, MASK)
    construct = (
        f"`if ...: raise ...`, `assert ...` or `torch._check(...)` that a `DynamicCache` as `{CACHE}` passes, as a "
        "statement of its own without an `else`"
    )
    next_step = "a cache of a class of its own, or a check among other branches, needs a rule of its own"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        place = Place(code, anatomy.file.classes.get(function.owner or ""), anatomy)
        masks = {MASK} if function.role in (Role.MODEL, Role.CAUSAL_LM) else {place.mask or MASK}
        edits, count = Edits(code), 0
        for check in raised_in(code.tree):
            if _asks_for_class(check.test):
                passes = _passes(check, code)
                if passes is None or not check.stands_alone:
                    raise Unmatched(f"upstream asks of which class its cache is: `{spelled(check.test)}`", check.node)
            elif not check.stands_alone or not _is_about_kind(check.test, masks, function.role):
                continue
            edits.remove(check.node)
            count += 1
        return edits.done(), count


def _asks_for_class(test: ast.expr) -> bool:
    """Whether a condition asks what kind of object the cache is."""
    asking = [call for call in find(ast.Call, test) if isinstance(call.func, ast.Name)]
    return any(
        call.func.id in ("isinstance", "issubclass", "type", "hasattr", "getattr")
        and call.args
        and any(name.id == CACHE for name in find(ast.Name, call.args[0]))
        for call in asking
        if isinstance(call.func, ast.Name)
    )


def _passes(check: Raised, code: Code) -> bool | None:
    """True for a check that a growing cache passes; None where it does not, or where that is not known."""
    value = decided(check.test, lambda part: _value(part, code))
    return True if value is (not check.raises_if) else None


def _value(test: ast.expr, code: Code) -> bool | None:
    """What a part of a condition is for a growing cache that is there."""
    if isinstance(test, ast.Call) and spelled(test.func) == "isinstance" and len(test.args) == 2:
        return _is_one_of(test.args[1], code) if spelled(test.args[0]) == CACHE else None
    if isinstance(test, ast.Name) and test.id == "use_cache":
        return True
    missing = none_comparison(test, {CACHE})
    return None if missing is None else not missing


def _is_one_of(classes: ast.expr, code: Code) -> bool | None:
    """Whether a growing cache is of one of the classes; None where one is not known that may decide it."""
    if isinstance(classes, ast.Tuple):
        known = [_is_one_of(item, code) for item in classes.elts]
    elif isinstance(classes, ast.BinOp) and isinstance(classes.op, ast.BitOr):
        known = [_is_one_of(classes.left, code), _is_one_of(classes.right, code)]
    else:
        name, _, rest = spelled(classes).partition(".")
        full = f"{code.aliases.get(name, name)}.{rest}" if rest else code.aliases.get(name, name)
        is_none = isinstance(classes, ast.Constant) and classes.value is None
        known = [True if full in ITS_CLASSES else False if full in OTHER_CLASSES or is_none else None]
    return True if True in known else None if None in known else False


def _is_about_kind(test: ast.expr, masks: set[str], role: Role) -> bool:
    """Whether a condition asks of the mask of which kind it is, and of nothing else what it holds."""
    asked = [node for node in find(ast.Attribute, test) if spelled(node.value) in masks]
    named = [node for node in find(ast.Name, test) if node.id in masks]
    compared = [node.left for node in find(ast.Compare, test) if none_comparison(node, masks) is not None]
    tested = [call for call in find(ast.Call, test) if spelled(call.func) == "torch.is_floating_point"]
    if len(named) != len(asked) + len(compared) + len(tested) or len(named) == len(compared):
        return False
    if role in (Role.MODEL, Role.CAUSAL_LM):
        return all(node.attr in KIND | SHAPE for node in asked)
    ranks = [node.value for node in find(ast.Constant, test) if isinstance(node.value, int)]
    return all(node.attr in KIND for node in asked) and all(rank == RANK for rank in ranks)
