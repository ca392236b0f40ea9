"""Attention functions whose result over all keys can be put together from their results over blocks of keys.

Up to the softmax every score is a matter of one query and one key; after it there is one product with the values.
What else a function might do with the scores of all keys, such as adding a sink to them, is not in this form.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.tree import find, spelled, walk

SOFTMAX = {"nn.functional.softmax", "torch.softmax", "F.softmax"}
REPEATED = {f"repeat_kv({states}, module.num_key_value_groups)" for states in ("key", "value")}
# The last two axes of the keys, exchanged.
EXCHANGED = (["2", "3"], ["-1", "-2"])


def softmax_statement(function: ast.FunctionDef) -> tuple[int, str] | None:
    """Where an attention function normalises its scores, as an index into its body, and the name of the scores.

    None for a function that is not in the form that allows blocks of keys.
    """
    body = function.body
    places = [(index, scores) for index, item in enumerate(body) if (scores := _normalised(item)) is not None]
    if len(places) != 1:
        return None
    index, scores = places[0]
    before = body[1:index] if ast.get_docstring(function) is not None else body[:index]
    if not all(map(_looks_at_one_score, before)):
        return None
    return places[0] if _is_product_with_values(body[index + 1 :], scores) else None


def _normalised(statement: ast.stmt) -> str | None:
    """The scores of `<scores> = <softmax>(<scores>, dim=-1, dtype=torch.float32)`, cast or not."""
    scores, value = _assigned(statement)
    call = _uncast(value)
    if not isinstance(call, ast.Call) or spelled(call.func) not in SOFTMAX:
        return None
    given = [spelled(item) for item in (*call.args, *call.keywords)]
    return scores if given in ([scores, "dim=-1"], [scores, "dim=-1", "dtype=torch.float32"]) else None


def _looks_at_one_score(statement: ast.stmt) -> bool:
    """Whether a statement may stand before the softmax: nothing in it reads the scores of two keys together."""
    if isinstance(statement, ast.If):
        asked = "" if statement.orelse else spelled(statement.test)
        if asked == "scaling is None":
            return len(statement.body) == 1 and _is_usual_scaling(statement.body[0])
        if asked == "softcap is not None":
            return _is_softcap(statement.body)
        return asked == "attention_mask is not None" and len(statement.body) == 1 and _is_masked(statement.body[0])
    _, value = _assigned(statement)
    return value is not None and (spelled(value) in REPEATED or _is_masked(statement) or _are_scores(value))


def _is_usual_scaling(statement: ast.stmt) -> bool:
    """`scaling = <size> ** -0.5`."""
    name, value = _assigned(statement)
    if name != "scaling" or not isinstance(value, ast.BinOp) or not isinstance(value.op, ast.Pow):
        return False
    known = (ast.Name, ast.Attribute, ast.Call, ast.Constant, ast.UnaryOp)
    plain = all(isinstance(node, known) for node in walk(value.left))
    plain = plain and all(len(call.args) < 2 and not call.keywords for call in find(ast.Call, value.left))
    return plain and spelled(value.right) == "-0.5"


def _is_softcap(body: list[ast.stmt]) -> bool:
    scores, _ = _assigned(body[0])
    capped = [f"{scores} = {scores} / softcap", f"{scores} = torch.tanh({scores})", f"{scores} = {scores} * softcap"]
    return [spelled(item) for item in body] == capped


def _is_masked(statement: ast.stmt) -> bool:
    scores, value = _assigned(statement)
    chosen = f"torch.where(attention_mask, MIN_MASKED_ATTENTION_VALUE, {scores})"
    return value is not None and spelled(value) in (f"{scores} + attention_mask", chosen)


def _are_scores(value: ast.expr) -> bool:
    """`torch.matmul(query, <keys>.transpose(2, 3)) * scaling`."""
    if not isinstance(value, ast.BinOp) or not isinstance(value.op, ast.Mult) or spelled(value.right) != "scaling":
        return False
    factors = _factors(value.left)
    exchanged = factors[1] if factors is not None else None
    if factors is None or not isinstance(exchanged, ast.Call) or not isinstance(exchanged.func, ast.Attribute):
        return False
    axes = [spelled(item) for item in (*exchanged.args, *exchanged.keywords)]
    keys = _unwidened(exchanged.func.value)
    swapped = exchanged.func.attr == "transpose" and axes in EXCHANGED and isinstance(keys, ast.Name)
    return swapped and spelled(_unwidened(factors[0])) == "query"


def _is_product_with_values(statements: list[ast.stmt], scores: str) -> bool:
    """Whether statements multiply the scores with the values, move the heads, and return both."""
    cast, value = _assigned(statements[0]) if statements else ("", None)
    if cast == scores and value is not None and _uncast(value) is not value and _is_name(_uncast(value), scores):
        statements = statements[1:]
    if len(statements) != 3:
        return False
    product, moved, returned = statements
    output, value = _assigned(product)
    factors = _factors(value)
    if factors is None or not _is_name(_uncast(factors[0]), scores) or not isinstance(factors[1], ast.Name):
        return False
    target, value = _assigned(moved)
    exchanged = (f"{output}.transpose(1, 2)", f"{output}.transpose(1, 2).contiguous()")
    if target != output or value is None or spelled(value) not in exchanged:
        return False
    results = returned.value if isinstance(returned, ast.Return) else None
    return isinstance(results, ast.Tuple) and [spelled(item) for item in results.elts] == [output, scores]


def _assigned(statement: ast.stmt) -> tuple[str, ast.expr | None]:
    """The local that a statement binds, and to what; an empty name and None for any other statement."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        if isinstance(statement.targets[0], ast.Name):
            return statement.targets[0].id, statement.value
    return "", None


def _factors(product: ast.expr | None) -> tuple[ast.expr, ast.expr] | None:
    """Both factors of `torch.matmul(<one>, <other>)`."""
    if not isinstance(product, ast.Call) or spelled(product.func) != "torch.matmul" or product.keywords:
        return None
    return (product.args[0], product.args[1]) if len(product.args) == 2 else None


def _uncast(value: ast.expr | None) -> ast.expr | None:
    """What is cast by `<...>.to(<dtype>)` or `<...>.type(<dtype>)`, once; a value that is not, itself."""
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute) or value.keywords:
        return value
    dtype = value.args[0] if len(value.args) == 1 else None
    is_cast = value.func.attr in ("to", "type") and isinstance(dtype, (ast.Name, ast.Attribute))
    return value.func.value if is_cast else value


def _unwidened(value: ast.expr) -> ast.expr:
    """What is computed with in float32: `<...>.float()` or `<...>.to(torch.float32)`, once."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        given = [spelled(item) for item in (*value.args, *value.keywords)]
        if (value.func.attr, given) in (("float", []), ("to", ["torch.float32"])):
            return value.func.value
    return value


def _is_name(value: ast.expr | None, name: str) -> bool:
    return isinstance(value, ast.Name) and value.id == name
