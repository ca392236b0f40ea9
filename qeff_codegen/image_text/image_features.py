"""From pixels to image features, for images of one size.

Why: the program for images has a fixed image size, and the number of images is an axis. What upstream does for images
of several sizes never runs then, and a batch that it turns into a list of images stays a tensor, which the axis needs:
tracing would write the list out for the traced number of images.

    if image_sizes is not None:                          # `image_sizes` is never given
        image_features = torch.split(...)
    else:
        image_features = list(image_features)            # the batch as a list
    image_outputs.pooler_output = image_features

becomes

    image_outputs.pooler_output = image_features
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.modeling_file import ModelingFile, parameters
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.folding import fold, none_comparison
from qeff_codegen.codemod.tree import find
from qeff_codegen.image_text.known_statements import refusal
from qeff_codegen.patterns.match import find_all
from qeff_codegen.patterns.pattern import Pattern

PIXELS = "pixel_values"
# What upstream's decorator of such methods fills in from the configuration where it is not given.
FILLED_IN = frozenset({"vision_feature_layer", "vision_feature_select_strategy"})
FILLING = "merge_with_config_defaults"
ONE_INPUT = "`pixel_values` as the only input, for images of one size"
AS_LIST = Pattern("$images = list($images)")
FEATURES = Pattern("$_.pooler_output = $features")


def for_one_size(file: ModelingFile, method: ast.FunctionDef) -> tuple[Code, bool]:
    """The method without what images of several sizes need, and whether anything of upstream's text has changed.

    Raises:
        Refusal: it needs more than pixels, or gives the features of each image by themselves.
    """
    never_given = _never_given(file, method)
    start = min([method.lineno, *(item.lineno for item in method.decorator_list)])
    lines = file.lines[start - 1 : method.end_lineno]
    indent = " " * method.col_offset
    code = Code("".join(f"{line.removeprefix(indent)}\n" for line in lines), file.aliases)
    folded, _ = fold(code, lambda test: none_comparison(test, never_given))
    for name in find(ast.Name, folded.tree):
        if name.id in never_given and isinstance(name.ctx, ast.Load):
            raise refusal(
                file,
                f"`{method.name}` reads `{name.id}`, which images of one size do not need",
                method.lineno,
                ONE_INPUT,
            )
    edits = Edits(folded)
    for found in find_all(AS_LIST, folded):
        edits.remove(folded.statement_of(found.node))
    result = edits.done()
    for found in find_all(FEATURES, result):
        value = found["features"]
        if isinstance(value, ast.ListComp | ast.List) or (
            isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1] in ("split", "list", "tuple")
        ):
            raise refusal(
                file,
                f"`{method.name}` gives the features of each image by themselves, `{ast.unparse(value)}`",
                method.lineno,
                "one tensor of features, the images of a batch along its first axis",
            )
    return result, result.text != code.text


def _never_given(file: ModelingFile, method: ast.FunctionDef) -> frozenset[str]:
    """Parameters that stay None, as the vision program hands on pixels alone."""
    arguments = method.args
    plain = [*arguments.posonlyargs, *arguments.args]
    without_default = [item.arg for item in plain[: len(plain) - len(arguments.defaults)]]
    without_default += [
        item.arg for item, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None
    ]
    more = [name for name in without_default if name not in ("self", PIXELS)]
    if more or PIXELS not in parameters(method):
        asked = " and ".join(f"`{name}`" for name in more) or "no `pixel_values`"
        raise refusal(file, f"`{method.name}` takes more than pixels of one size: {asked}", method.lineno, ONE_INPUT)
    is_filled = any(ast.unparse(item).split(".")[-1] == FILLING for item in method.decorator_list)
    return frozenset(parameters(method)) - {PIXELS} - (FILLED_IN if is_filled else frozenset())
