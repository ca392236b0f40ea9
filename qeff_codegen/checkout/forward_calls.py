"""Which of QEfficient's features a generated causal LM can have whose code replaces or wraps its `forward`.

Speculative decoding puts `tlm_forward` in its place, which does `self.model(...)`, then `self.lm_head(...)`, and
nothing to the logits but `.float()`. On-device sampling calls it with a fixed list of arguments. Both are read from
the checkout, and the generated code is held against them by its structure.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

LOGITS_MODULE = "lm_head"
BODY_MODULE = "model"


def keywords_of_call(source: ast.Module, called: str) -> frozenset[str]:
    """The keyword arguments of the call `self.<called>(...)` in `source` that lists the most of them."""
    calls = [
        frozenset(keyword.arg for keyword in node.keywords if keyword.arg)
        for node in ast.walk(source)
        if isinstance(node, ast.Call) and _is_self(node.func, called)
    ]
    return max(calls, key=len, default=frozenset())


def why_no_speculation(code: str, causal_lm: str, body: str, passed: frozenset[str]) -> str:
    """Why `causal_lm` of generated `code` cannot be a target model of speculative decoding; empty when it can.

    Args:
        body: the generated class of its `self.model`.
        passed: what `tlm_forward` calls `self.model` with.
    """
    forward = _method(code, causal_lm, "forward")
    if not passed:
        return "the checkout's `tlm_forward` has no call of `self.model` in the form that is known"
    own = {node.attr for node in ast.walk(forward) if isinstance(node, ast.Attribute) and _is_self(node)}
    modules = {called for called in own if _calls(forward, called)}
    for needed in (BODY_MODULE, LOGITS_MODULE):
        if needed not in modules:
            return f"`tlm_forward` calls `self.{needed}`, which its `forward` does not"
    if modules - {BODY_MODULE, LOGITS_MODULE}:
        return f"its `forward` also calls `self.{min(modules - {BODY_MODULE, LOGITS_MODULE})}`"
    changed = _change_of_logits(forward) or _change_of_hidden_states(forward)
    if changed:
        return f"`tlm_forward` leaves out what its `forward` does in `{changed}`"
    return _not_taken(code, body, passed)


def why_no_sampler(code: str, causal_lm: str, passed: frozenset[str]) -> str:
    """Why on-device sampling cannot wrap `causal_lm` of generated `code`; empty when it can.

    Args:
        passed: what `sampler_forward` calls the old forward with.
    """
    if not passed:
        return "the checkout's `sampler_forward` has no call of `self.old_forward` in the form that is known"
    forward = _method(code, causal_lm, "forward")
    if not any(isinstance(node, ast.Return) and _gives_logits(node.value) for node in ast.walk(forward)):
        return "its `forward` gives no output with `logits` by name"
    return _not_taken(code, causal_lm, passed)


def _method(code: str, cls: str, name: str) -> ast.FunctionDef:
    for node in ast.parse(code).body:
        if isinstance(node, ast.ClassDef) and node.name == cls:
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and item.name == name:
                    return item
    raise AssertionError(f"generated code has no {cls}.{name}")


def has_method(code: str, cls: str, name: str) -> bool:
    """Whether a class of generated `code` defines a method."""
    return any(
        isinstance(node, ast.ClassDef)
        and node.name == cls
        and any(isinstance(item, ast.FunctionDef) and item.name == name for item in node.body)
        for node in ast.parse(code).body
    )


def takes(code: str, cls: str, argument: str) -> bool:
    """Whether the forward of a class of generated `code` has a parameter of this name."""
    return argument in _parameters(_method(code, cls, "forward"))


def _parameters(forward: ast.FunctionDef) -> set[str]:
    return {argument.arg for argument in (*forward.args.args, *forward.args.kwonlyargs)}


def _not_taken(code: str, cls: str, passed: frozenset[str]) -> str:
    forward = _method(code, cls, "forward")
    missing = sorted(passed - _parameters(forward))
    if missing and forward.args.kwarg is None:
        return f"`{cls}.forward` takes no `{missing[0]}`"
    return ""


def _change_of_logits(forward: ast.FunctionDef) -> str:
    """The first statement that does something else with the logits than `.float()` and giving them back."""
    for node in _statements(forward):
        if isinstance(node, ast.Assign) and _targets(node) == ["logits"]:
            if isinstance(node.value, ast.Call) and _is_self(node.value.func, LOGITS_MODULE):
                continue
            return ast.unparse(node)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Call):
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.value.keywords}
            if given.get("logits") not in ("logits", "logits.float()"):
                return f"logits={given.get('logits')}"
        elif _reads(node, "logits"):
            return ast.unparse(node).splitlines()[0]
    return ""


def _change_of_hidden_states(forward: ast.FunctionDef) -> str:
    """What is done to the body's output before the head, other than choosing tokens."""
    plain = {"outputs[0]", "outputs.last_hidden_state"}
    for node in _statements(forward):
        value = node.value if isinstance(node, ast.Assign) else None
        if isinstance(value, ast.Call) and _is_self(value.func, LOGITS_MODULE):
            if [_chosen_from(argument) in plain for argument in value.args] != [True]:
                return ast.unparse(node)
        elif isinstance(node, ast.Assign) and plain & set(_names_in(node.value)):
            if _chosen_from(node.value) not in plain:
                return ast.unparse(node)
            plain |= set(_targets(node))
    return ""


def _chosen_from(node: ast.expr) -> str:
    """What an expression chooses from: `x[...]` chooses from `x`; `outputs[0]` is the output itself."""
    while isinstance(node, ast.Subscript) and ast.unparse(node) != "outputs[0]":
        node = node.value
    return ast.unparse(node)


def _names_in(node: ast.expr) -> Iterator[str]:
    """Every expression inside of one, as text."""
    return (ast.unparse(inner) for inner in ast.walk(node) if isinstance(inner, ast.expr))


def _statements(forward: ast.FunctionDef) -> Iterator[ast.AST]:
    """Everything in the body, outer before inner."""
    for statement in forward.body:
        yield from ast.walk(statement)


def _targets(node: ast.Assign) -> list[str]:
    return [ast.unparse(target) for target in node.targets]


def _reads(node: ast.AST, name: str) -> bool:
    """Whether a simple statement or a condition reads a variable."""
    if isinstance(node, ast.If | ast.While):
        return _mentions(node.test, name)
    return isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Expr | ast.For) and _mentions(node, name)


def _mentions(node: ast.AST, name: str) -> bool:
    return any(isinstance(inner, ast.Name) and inner.id == name for inner in ast.walk(node))


def _gives_logits(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Call) and any(keyword.arg == "logits" for keyword in value.keywords)


def _calls(forward: ast.FunctionDef, called: str) -> bool:
    return any(isinstance(node, ast.Call) and _is_self(node.func, called) for node in ast.walk(forward))


def _is_self(node: ast.expr, attribute: str | None = None) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
        and attribute in (None, node.attr)
    )
