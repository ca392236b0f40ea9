"""How image features are put among the embeddings of tokens: in their order, each at the next image token.

`masked_scatter` reads its source from first to last, whatever shape that has. So the features of a batch of images,
`[images, tokens, hidden]`, are placed image by image, and a shape with the same order places them alike.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, self_attribute
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.image_text.handed_on import check_undecorated
from qeff_codegen.image_text.image_token import image_token, shaped
from qeff_codegen.image_text.known_statements import needed, possible, read_statements, refusal
from qeff_codegen.patterns.match import match
from qeff_codegen.patterns.pattern import Pattern

# Methods that leave the numbers and their order as they are.
_KEEPING = ("contiguous", "reshape", "to", "view")
_AS_LIST = Pattern("if isinstance($images, (list, tuple)):\n    $images = torch.cat($images, dim=0)")
_PLACED = "$embeds = $embeds.masked_scatter({$mask.to($_), $mask}, $features)"
_MASK_CALL = (
    "{$where(input_ids, inputs_embeds=$embeds, image_features=$features), "
    "$where(input_ids=input_ids, inputs_embeds=$embeds, image_features=$features), "
    "$where(input_ids, $embeds, image_features=$features), "
    "$where(input_ids, $embeds, $features), $where(input_ids, $embeds, $features, $_)}"
)


def image_token_of_placing(
    file: ModelingFile,
    model: ModelingClass,
    statements: Sequence[ast.stmt],
    given: str,
    made_first: Mapping[str, ast.expr],
) -> ast.expr:
    """Hold the placing of images against what the program for text does.

    Args:
        statements: what places them.
        given: what holds the features of images before these.
        made_first: the tokens of masks that are made before, by their names.

    Returns:
        The setting that holds the token whose places they take.

    Raises:
        Refusal: features are changed on the way, or placed in another way.
    """
    features = {given, given.replace('"', "'")}
    kept = _without_reshaping(statements, features, made_first)
    merged = _merged(kept)
    if merged is not None:
        method = _method(file, model, merged)
        return _token_of_merger(file, model, method, merged, features)
    found = read_statements(
        file,
        f"{model.name}.forward",
        kept,
        (
            *([] if made_first else [needed("mask of image tokens", f"$mask = {_MASK_CALL}\n".strip())]),
            needed("placing", _PLACED),
            possible("check", "if $_:\n    raise $_"),
            possible("check of sizes", "torch_compilable_check(...)"),
            possible("number of image tokens", "$_ = $_.sum()"),
        ),
    )
    placed = found["placing"]
    _check_placed(file, model, _reshaped(placed["features"]), placed.spelled("embeds"), features, given, kept)
    if made_first:
        token = made_first.get(placed.spelled("mask"))
        if token is None:
            raise refusal(
                file,
                f"`{model.name}.forward` places images by `{placed.spelled('mask')}`",
                kept[-1].lineno,
                f"one of the masks that it makes first, {', '.join(f'`{name}`' for name in made_first)}",
            )
        return token
    call = found["mask of image tokens"].node
    assert isinstance(call, ast.Assign) and isinstance(call.value, ast.Call)
    method = _method(file, model, call.value)
    return image_token(file, method, call.value, _first_result(file, method))


def _check_placed(
    file: ModelingFile,
    model: ModelingClass,
    placed: str,
    embeds: str,
    features: set[str],
    given: str,
    kept: Sequence[ast.stmt],
) -> None:
    if placed not in features or embeds != "inputs_embeds":
        raise refusal(
            file,
            f"`{model.name}.forward` places `{placed}`",
            kept[-1].lineno,
            f"`{given}` among `inputs_embeds`, as it is or reshaped",
        )


def _without_reshaping(
    statements: Sequence[ast.stmt], features: set[str], made_first: Collection[str] = ()
) -> list[ast.stmt]:
    """The statements but for those that reshape features, whose results join `features`, or a mask.

    A mask that comes as the first of two, the other being that of videos, is spelled as if it came alone.
    """
    kept: list[ast.stmt] = []
    masks = set(made_first)
    for statement in statements:
        as_list = match(_AS_LIST, statement)
        if as_list is not None and as_list.spelled("images") in features:
            continue
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
            if _reshaped(statement.value) in features:
                features.add(spelled(target))
                continue
            if spelled(target) in masks and shaped(statement.value) == spelled(target):
                continue
            if isinstance(target, ast.Tuple) and len(target.elts) == 2 and spelled(target.elts[1]) == "_":
                statement = ast.copy_location(ast.Assign([target.elts[0]], statement.value), statement)
            masks.add(spelled(statement.targets[0]))
        kept.append(statement)
    return kept


def _merged(statements: Sequence[ast.stmt]) -> ast.Call | None:
    """`inputs_embeds = self.<merger>(...)`, if that is all."""
    if len(statements) == 1 and isinstance(statements[0], ast.Assign) and isinstance(statements[0].value, ast.Call):
        call = statements[0].value
        if spelled(statements[0].targets[0]) == "inputs_embeds" and self_attribute(call.func) is not None:
            return call
    return None


def _token_of_merger(
    file: ModelingFile, model: ModelingClass, method: ast.FunctionDef, call: ast.Call, features: set[str]
) -> ast.expr:
    """The token of a method that makes the mask and places the features by it."""
    given = {item.arg: spelled(item.value) for item in call.keywords}
    names = [name for name in given if name not in ("input_ids", "inputs_embeds")]
    as_they_are = given.get("inputs_embeds") == "inputs_embeds" and given.get("input_ids") == "input_ids"
    if call.args or not as_they_are or len(names) != 1 or names[0] is None or given[names[0]] not in features:
        raise refusal(
            file,
            f"`{model.name}.forward` places images by `{spelled(call)}`",
            call.lineno,
            "tokens, their embeddings and the features of images, each by its name",
        )
    check_undecorated(file, method, f"{model.name}.{method.name}")
    placed_features = {names[0]}
    kept = _without_reshaping(method.body, placed_features)
    found = read_statements(
        file,
        f"{model.name}.{method.name}",
        kept,
        (
            possible("comparison with the token", "if input_ids is None:\n    ...\nelse:\n    $_ = input_ids == $_"),
            possible("shape of the embeddings", "$mask = $mask.unsqueeze(-1).to(inputs_embeds.device)"),
            possible("check", "torch_compilable_check(...)"),
            needed("placing", _PLACED),
            needed("result", "return $embeds"),
        ),
    )
    placed = found["placing"]
    _check_placed(file, model, placed.spelled("features"), placed.spelled("embeds"), placed_features, names[0], kept)
    return image_token(file, method, call, placed.spelled("mask"))


def _method(file: ModelingFile, model: ModelingClass, call: ast.Call) -> ast.FunctionDef:
    method = model.methods.get(self_attribute(call.func) or "")
    if method is None:
        raise refusal(
            file,
            f"`{model.name}` finds the places of images by `{spelled(call.func)}`",
            call.lineno,
            "a method of its own, which compares `input_ids` with one token",
        )
    return method


def _first_result(file: ModelingFile, method: ast.FunctionDef) -> str:
    last = method.body[-1]
    value = last.value if isinstance(last, ast.Return) else None
    if isinstance(value, ast.Tuple) and value.elts:
        value = value.elts[0]
    if not isinstance(value, ast.Name):
        raise refusal(file, f"`{method.name}` returns no mask", last.lineno, "`return <mask>`")
    return value.id


def _reshaped(expression: ast.expr) -> str:
    """What an expression holds the numbers of, in the same order."""
    while isinstance(expression, ast.Call):
        function = expression.func
        if spelled(function) == "torch.cat" and _along_first_axis(expression):
            expression = expression.args[0]
        elif isinstance(function, ast.Attribute) and function.attr in _KEEPING and _keeps_numbers(expression):
            expression = function.value
        else:
            break
    return spelled(expression)


def _keeps_numbers(call: ast.Call) -> bool:
    """Whether a method is given no type that would round: that of the embeddings, of the model, or none."""
    given = [spelled(item) for item in (*call.args, *(item.value for item in call.keywords))]
    types = [item for item in given if item.startswith("torch.") or item.endswith("dtype")]
    return set(types) <= {"inputs_embeds.dtype", "self.dtype"}


def _along_first_axis(call: ast.Call) -> bool:
    axes = [*call.args[1:], *(item.value for item in call.keywords)]
    return len(call.args) >= 1 and [spelled(item) for item in axes] in ([], ["0"])
