"""Which token images take the places of: the one that the mask of places compares the tokens with."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.modeling_file import ModelingFile, parameters
from qeff_codegen.codemod.calls import bound_arguments
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.image_text.handed_on import check_undecorated
from qeff_codegen.image_text.known_statements import refusal
from qeff_codegen.patterns.match import match
from qeff_codegen.patterns.pattern import Pattern

# Methods that give the mask the shape of the embeddings.
_SHAPING = ("expand_as", "to", "unsqueeze")
_COMPARED = Pattern("if input_ids is None:\n    ...\nelse:\n    ...")
_COMPARED_FIRST = Pattern("if input_ids is not None:\n    ...\nelse:\n    ...")
_IS_TOKEN = Pattern("$mask = input_ids == $token")


def image_token(file: ModelingFile, method: ast.FunctionDef, call: ast.Call, mask: str) -> ast.expr:
    """The setting that holds the token, read from the method that makes the mask.

    Args:
        method: it.
        call: the call of it.
        mask: what it calls the mask of the places of images. Whatever else it computes is no part of that.

    Raises:
        Refusal: the mask is of more than the places of one token.
    """
    check_undecorated(file, method, method.name)
    token: ast.expr | None = None
    for statement in _statements(method):
        found = match(_IS_TOKEN, statement)
        if found is not None and found.name("mask") == mask:
            if token is not None:
                raise _more(file, statement)
            token = found["token"]
        elif mask in _written(statement):
            value = statement.value if isinstance(statement, ast.Assign) else None
            if token is None or value is None or shaped(value) != mask:
                raise _more(file, statement)
    if token is None:
        raise refusal(
            file,
            f"`{method.name}` finds the places of images by something else than their token",
            method.lineno,
            "`<mask> = input_ids == self.config.<token>`, where there are tokens",
        )
    given = bound_arguments(call, parameters(method)) or {}
    token = given.get(spelled(token), token)
    if not spelled(token).startswith("self.config."):
        raise refusal(
            file, f"images take the places of `{spelled(token)}`", token.lineno, "a setting, `self.config.<token>`"
        )
    return token


def shaped(expression: ast.expr) -> str:
    """What an expression gives another shape or device."""
    while isinstance(expression, ast.Call) and isinstance(expression.func, ast.Attribute):
        if expression.func.attr not in _SHAPING:
            break
        expression = expression.func.value
    return spelled(expression)


def _statements(method: ast.FunctionDef) -> list[ast.stmt]:
    """Those that run where there are tokens."""
    found: list[ast.stmt] = []
    for statement in method.body:
        if isinstance(statement, ast.If) and match(_COMPARED, statement) is not None:
            found += statement.orelse
        elif isinstance(statement, ast.If) and match(_COMPARED_FIRST, statement) is not None:
            found += statement.body
        else:
            found.append(statement)
    return found


def _written(statement: ast.stmt) -> set[str]:
    """Names that a statement binds, or changes in place."""
    names = {node.id for node in find(ast.Name, statement) if isinstance(node.ctx, ast.Store)}
    parts = [node.value for node in find(ast.Subscript, statement) if isinstance(node.ctx, ast.Store)]
    changed = [node.value for node in find(ast.Attribute, statement) if node.attr.endswith("_")]
    return names | {node.id for node in (*parts, *changed) if isinstance(node, ast.Name)}


def _more(file: ModelingFile, statement: ast.stmt) -> Exception:
    return refusal(
        file,
        f"the places of images are more than those of a token: `{spelled(statement)}`",
        statement.lineno,
        "the mask in the shape of the embeddings",
    )
