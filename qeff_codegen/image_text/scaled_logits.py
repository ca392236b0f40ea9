"""Logits that the class with the head scales or caps, each by itself: the program for text does the same to its own.

    logits = self.lm_head(hidden_states) * self.config.text_config.logits_scaling

    cap = getattr(self.config.get_text_config(), "final_logit_softcapping", None)
    if cap is not None:
        logits = logits / cap
        logits = torch.tanh(logits)
        logits = logits * cap

    if (cap := self.config.get_text_config().final_logit_softcapping) is not None:
        ...                                                                 # likewise

Settings are the configuration's, which the program for text has too.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection, Sequence

from qeff_codegen.anatomy.modeling_file import self_attribute
from qeff_codegen.codemod.folding import none_comparison
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.patterns.match import match
from qeff_codegen.patterns.pattern import Pattern

_SETTING = Pattern("{getattr(self.config, $name, None), getattr(self.config.get_text_config(), $name, None)}")
_CAPPED = Pattern("torch.tanh($value)")


def without_scaling(statements: Sequence[ast.stmt], head: str) -> tuple[list[ast.stmt], tuple[ast.stmt, ...]]:
    """The statements without what scales the logits that `self.<head>` gives, and that, which calls them `logits`.

    A statement that does more than to scale stays among the first.
    """
    kept: list[ast.stmt] = []
    scaling: list[ast.stmt] = []
    settings: set[str] = set()
    logits = ""
    for statement in statements:
        target, value = _target(statement), _value(statement)
        call = _head_call(value, head)
        if call is not None and target and _is_scaled(value, ast.unparse(call), settings):
            logits = target
            kept.append(ast.copy_location(ast.Assign([ast.Name(target, ast.Store())], call), statement))
            if value is not None and value is not call:
                scaled = ast.unparse(value).replace(ast.unparse(call), "logits")
                scaling.append(ast.parse(f"logits = {scaled}").body[0])
        elif logits and target != logits and _is_setting(value):
            settings.add(target)
            scaling.append(statement)
        elif logits and _scales(statement, logits, settings | _named_setting(statement)):
            scaling.append(_named(statement, logits))
        else:
            kept.append(statement)
    return kept, tuple(scaling)


def _is_setting(value: ast.expr | None) -> bool:
    found = None if value is None else match(_SETTING, value)
    return found is not None and isinstance(found["name"], ast.Constant)


def _named_setting(statement: ast.stmt) -> set[str]:
    """The name that a condition gives a setting, `(name := self.config.<setting>) is not None`."""
    for node in find(ast.NamedExpr, statement.test) if isinstance(statement, ast.If) else ():
        if isinstance(node.value, ast.Attribute) and spelled(node.value).startswith("self.config."):
            return {node.target.id}
    return set()


def _named(statement: ast.stmt, logits: str) -> ast.stmt:
    """The statement with `logits` as the name of what it calls otherwise."""
    renamed = copy.deepcopy(statement)
    for name in find(ast.Name, renamed):
        if name.id == logits:
            name.id = "logits"
    return renamed


def _plain(test: ast.expr) -> ast.expr:
    """A comparison of the name that is given in it."""
    if isinstance(test, ast.Compare) and isinstance(test.left, ast.NamedExpr):
        return ast.copy_location(ast.Compare(test.left.target, test.ops, test.comparators), test)
    return test


def _scales(statement: ast.stmt, logits: str, settings: Collection[str]) -> bool:
    if isinstance(statement, ast.If):
        is_given = none_comparison(_plain(statement.test), settings) is False
        return is_given and not statement.orelse and all(_scales(i, logits, settings) for i in statement.body)
    return _target(statement) == logits and _is_scaled(_value(statement), logits, settings)


def _is_scaled(expression: ast.expr | None, logits: str, settings: Collection[str]) -> bool:
    """Whether an expression is `logits`, by settings multiplied or divided or capped, each number by itself."""
    if expression is None:
        return False
    if ast.unparse(expression) == logits:
        return True
    capped = match(_CAPPED, expression)
    if capped is not None:
        return _is_scaled(capped["value"], logits, settings)
    if not isinstance(expression, ast.BinOp) or not isinstance(expression.op, ast.Mult | ast.Div):
        return False
    factor = spelled(expression.right)
    is_setting = factor in settings or (
        factor.startswith("self.config.") and isinstance(expression.right, ast.Attribute)
    )
    return is_setting and _is_scaled(expression.left, logits, settings)


def _head_call(value: ast.expr | None, head: str) -> ast.Call | None:
    calls = [] if value is None else [call for call in find(ast.Call, value) if self_attribute(call.func) == head]
    return calls[0] if len(calls) == 1 else None


def _target(statement: ast.stmt) -> str:
    is_plain = isinstance(statement, ast.Assign) and len(statement.targets) == 1
    target = statement.targets[0] if isinstance(statement, ast.Assign) and is_plain else None
    return target.id if isinstance(target, ast.Name) else ""


def _value(statement: ast.stmt) -> ast.expr | None:
    return statement.value if isinstance(statement, ast.Assign) else None
