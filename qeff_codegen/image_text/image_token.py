"""Which token images take the places of: the one that the mask of places compares the tokens with."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, self_attribute
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.image_text.known_statements import needed, possible, read_statements, refusal
from qeff_codegen.patterns.match import Match

# Methods that give the mask the shape of the embeddings.
_SHAPING = ("expand_as", "to", "unsqueeze")


def image_token(file: ModelingFile, model: ModelingClass, places: Match) -> ast.expr:
    """The setting that holds the token, read from the method that makes the mask.

    Raises:
        Refusal: the mask is of more than the places of one token.
    """
    name = self_attribute(places["where"])
    method = model.methods.get(name or "")
    if method is None:
        raise refusal(
            file,
            f"`{model.name}` finds the places of images by `{places.spelled('where')}`",
            places["where"].lineno,
            "a method of its own, which compares `input_ids` with one token",
        )
    found = read_statements(
        file,
        f"{model.name}.{method.name}",
        [item for item in method.body if not _only_counts(item)],
        (
            needed(
                "comparison with the token", "if input_ids is None:\n    ...\nelse:\n    $mask = input_ids == $token"
            ),
            possible("shape of the embeddings", "$mask = $shaped"),
            possible("check", "torch_compilable_check(...)"),
            possible("check", "if $_:\n    raise $_"),
            needed("result", "return $mask"),
        ),
    )
    token, mask = found["comparison with the token"]["token"], found["result"].spelled("mask")
    if not spelled(token).startswith("self.config."):
        raise refusal(
            file, f"images take the places of `{spelled(token)}`", token.lineno, "a setting, `self.config.<token>`"
        )
    for statement in method.body:
        if isinstance(statement, ast.Assign) and spelled(statement.targets[0]) == mask:
            if _shaped(statement.value) != mask:
                raise refusal(
                    file,
                    f"the places of images are more than those of a token: `{spelled(statement)}`",
                    statement.lineno,
                    "the mask in the shape of the embeddings",
                )
    return token


def _only_counts(statement: ast.stmt) -> bool:
    """Whether a statement counts tokens or features, for a check of their numbers."""
    counts = {node.attr for node in find(ast.Attribute, statement)}
    return isinstance(statement, ast.Assign) and bool(counts) and counts <= {"sum", "shape", "size", "numel"}


def _shaped(expression: ast.expr) -> str:
    while isinstance(expression, ast.Call) and isinstance(expression.func, ast.Attribute):
        if expression.func.attr not in _SHAPING:
            break
        expression = expression.func.value
    return spelled(expression)
