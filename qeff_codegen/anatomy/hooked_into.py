"""What runs in the place of a class's forward, or around it, without a word there: hooks, replaced methods."""

from __future__ import annotations

import ast
import re

from qeff_codegen.codemod.tree import spelled

# Hooks on loading weights run before anything is computed.
_HOOK = re.compile(
    r"register_(module_)?(forward|full_backward|backward)(_pre)?_hook|register_hook|_(forward|backward)\w*_hooks"
)
_REPLACED = frozenset({"forward", "__class__", "__call__"})
# Where modules have what they consist of.
_INSIDE = frozenset({"_modules", "_parameters", "_buffers"})
# Methods by which a class decides itself what a call or an attribute of it is.
OF_CALLS = frozenset({"__call__", "_call_impl", "__getattr__", "__getattribute__", "__torch_function__"})


def hooked_into(node: ast.expr) -> str:
    """What an expression does to a module beside calling it: a hook, another function in a place; empty if nothing."""
    if isinstance(node, ast.Attribute):
        if node.attr in _INSIDE:
            return f"a module is changed from inside: `{spelled(node)}`"
        if _HOOK.fullmatch(node.attr):
            return f"a module is hooked into: `{spelled(node)}`"
        if isinstance(node.ctx, ast.Store) and node.attr in _REPLACED:
            return f"something takes the place of `{spelled(node)}`"
    if isinstance(node, ast.Call) and spelled(node.func).rsplit(".", 1)[-1] in {"setattr", "getattr", "__setattr__"}:
        name = node.args[1].value if len(node.args) > 1 and isinstance(node.args[1], ast.Constant) else None
        if isinstance(name, str) and (_HOOK.fullmatch(name) or name in _REPLACED):
            return f"a module is hooked into, or something takes its place: `{spelled(node)}`"
    return ""
