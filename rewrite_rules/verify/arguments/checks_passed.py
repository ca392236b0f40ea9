"""Nothing is raised at what the graph is given: every check that is left is one that our calls pass.

The graph is given tokens, their positions and the cache, and nothing else. A check on the cache, the positions or the
mask may have been meant for another form of them, so only a few are known to pass: whether they are there at all, and
of the mask its shape.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from functools import partial

from qeff_codegen.anatomy.vocabulary import CACHE, POSITIONS
from qeff_codegen.codemod.folding import decided, none_comparison
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check
from qeff_codegen.targets.target import PREFIX
from rewrite_rules.raised import raised_in

GIVEN = {"input_ids", POSITIONS, CACHE}
SHAPE = {"shape", "size"}
# Pads are whatever an attention without keys leaves of them, which is no number.
OF_NUMBERS = {"isfinite", "isinf", "isnan"}


class ChecksPassed(Check):
    promise = "Nothing is raised at tokens, positions and a cache, which is all that the graph is given."

    def broken(self, module: FinishedModule) -> list[Broken]:
        masks = {"attention_mask", *module.anatomy.mask_parameters.values()}
        outer = {f"{PREFIX}{part.name}.forward" for part in (module.anatomy.causal_lm, module.anatomy.model)}
        found: list[Broken] = []
        for name, function in module.functions:
            owner = name.rpartition(".")[0] or name
            # A method that does nothing else is not meant to be called.
            does_more = [item for item in function.body if not isinstance(item, ast.Raise | ast.Expr)]
            for statement in function.body if does_more else ():
                if isinstance(statement, ast.Raise):
                    found.append(Broken(f"`{owner}` raises whatever it is given", generated=statement.lineno))
            for check in raised_in(function):
                absent = set(_left_out(function, check.node.lineno)) if name in outer else set()
                value = decided(check.test, partial(_value, absent=absent))
                if value is check.raises_if or (value is None and not _is_known(check.test, masks)):
                    what = f"`{owner}` raises, or may raise, at what the graph is given: `{spelled(check.test)}`"
                    found.append(Broken(what, generated=check.node.lineno))
        return found


def _left_out(function: ast.FunctionDef, line: int) -> Iterator[str]:
    """The optional parameters that the graph does not give, and that no statement above a line binds."""
    arguments = function.args
    optional = [*arguments.args[len(arguments.args) - len(arguments.defaults) :], *arguments.kwonlyargs]
    defaults = [*arguments.defaults, *arguments.kw_defaults]
    bound = {node.id for node in find(ast.Name, function) if isinstance(node.ctx, ast.Store) and node.lineno < line}
    for item, default in zip(optional, defaults, strict=True):
        is_none = isinstance(default, ast.Constant) and default.value is None
        if is_none and item.arg not in bound | GIVEN | {"comp_ctx_lengths", "batch_index"}:
            yield item.arg


def _value(test: ast.expr, absent: Collection[str]) -> bool | None:
    """What a part of a condition is when tokens, positions and the cache are there, and other arguments are not."""
    if isinstance(test, ast.BinOp) and isinstance(test.op, ast.BitXor):
        left, right = (decided(side, partial(_value, absent=absent)) for side in (test.left, test.right))
        return None if left is None or right is None else left is not right
    if (missing := none_comparison(test, absent)) is not None:
        return missing
    given = none_comparison(test, GIVEN)
    return None if given is None else not given


def _is_known(test: ast.expr, masks: Collection[str]) -> bool:
    """Whether a condition asks nothing of cache, positions and mask but the mask's shape, nor if all is finite."""
    if any(spelled(call.func).rpartition(".")[2] in OF_NUMBERS for call in find(ast.Call, test)):
        return False
    asked = [node for node in find(ast.Attribute, test) if spelled(node.value) in masks and node.attr in SHAPE]
    compared = [node for node in find(ast.Compare, test) if none_comparison(node, masks) is not None]
    named = [node for node in find(ast.Name, test) if node.id in masks]
    others = [node for node in find(ast.Name, test) if node.id in GIVEN]
    known = [node for node in find(ast.Compare, test) if none_comparison(node, GIVEN) is not None]
    return len(named) == len(asked) + len(compared) and len(others) == len(known)
