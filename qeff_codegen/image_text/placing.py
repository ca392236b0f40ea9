"""How image features are put among the embeddings of tokens: in their order, each at the next image token.

`masked_scatter` reads its source from first to last, whatever shape that has. So the features of a batch of images,
`[images, tokens, hidden]`, are placed image by image, and a shape with the same order places them alike.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.image_text.known_statements import needed, possible, read_statements, refusal
from qeff_codegen.patterns.match import Match

# Methods that leave the numbers and their order as they are.
_KEEPING = ("contiguous", "reshape", "to", "view")


def check_placing(file: ModelingFile, model: ModelingClass, placing: Match) -> Match:
    """Hold the placing of images against what the program for text does.

    Returns:
        What the call that says where images go matched, `$where`.

    Raises:
        Refusal: features are changed on the way, or placed in another way.
    """
    given = f'{placing.name("encoded")}["image"].pooler_output'
    where = f"{model.name}.forward"
    statements = placing.rest("placing")
    kept: list[ast.stmt] = []
    features = {given, given.replace('"', "'")}
    for statement in statements:
        if isinstance(statement, ast.Assign) and _without_reshaping(statement.value) in features:
            features.add(spelled(statement.targets[0]))
        else:
            kept.append(statement)
    found = read_statements(
        file,
        where,
        kept,
        (
            needed(
                "mask of image tokens", "$mask = $where(input_ids, inputs_embeds=$embeds, image_features=$features)"
            ),
            needed("placing", "$embeds = $embeds.masked_scatter($mask, $features)"),
            possible("check", "if $_:\n    raise $_"),
        ),
    )
    placed = found["placing"]
    if placed.spelled("features") not in features or placed.spelled("embeds") != "inputs_embeds":
        raise refusal(
            file,
            f"`{where}` places `{placed.spelled('features')}`",
            kept[-1].lineno,
            f"`{given}` among `inputs_embeds`, as it is or reshaped",
        )
    return found["mask of image tokens"]


def _without_reshaping(expression: ast.expr) -> str:
    """What an expression holds the numbers of, in the same order."""
    while isinstance(expression, ast.Call):
        function = expression.func
        if spelled(function) == "torch.cat" and _along_first_axis(expression):
            expression = expression.args[0]
        elif isinstance(function, ast.Attribute) and function.attr in _KEEPING:
            expression = function.value
        else:
            break
    return spelled(expression)


def _along_first_axis(call: ast.Call) -> bool:
    axes = [*call.args[1:], *(item.value for item in call.keywords)]
    return len(call.args) >= 1 and [spelled(item) for item in axes] in ([], ["0"])
