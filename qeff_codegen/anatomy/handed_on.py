"""What the forwards on the call path hand on without naming it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.tree import find, spelled

# What only hands positions, cache and batch index on: it stands between those that are given them and those that use
# them.
BETWEEN = (Role.LAYER_STACK, Role.DECODER_LAYER, Role.ATTENTION_WRAPPER)


def carried_by_kwargs(forward: ast.FunctionDef, callees: Collection[str]) -> Callable[[str], bool]:
    """Says of a name whether `forward` hands it on to every one of its `callees` inside `**kwargs`.

    It does when it spreads `**kwargs` in each of those calls and uses it for nothing else, and knows nothing by that
    name itself.

    Args:
        forward: a forward on the call path.
        callees: spellings of the calls of the next parts.
    """
    kwarg = forward.args.kwarg
    calls = find(ast.Call, forward)
    spread = {keyword.value: spelled(call.func) for call in calls for keyword in call.keywords if keyword.arg is None}
    called = sum(spelled(call.func) in callees for call in calls)
    names = find(ast.Name, forward)
    uses = [name for name in names if kwarg is not None and name.id == kwarg.arg]
    only_spread = len(uses) == called > 0 and all(spread.get(use) in callees for use in uses)
    known = {name.id for name in names} | {item.arg for item in find(ast.arg, forward)}
    known |= {item.arg for item in find(ast.keyword, forward) if item.arg is not None}
    return lambda name: only_spread and name not in known
