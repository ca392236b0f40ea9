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
from collections.abc import Collection

from qeff_codegen.anatomy.modeling_file import ModelingFile, parameters
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.folding import fold, none_comparison
from qeff_codegen.codemod.tree import find
from qeff_codegen.image_text.known_statements import refusal
from qeff_codegen.patterns.match import find_all, match
from qeff_codegen.patterns.pattern import Pattern

PIXELS = "pixel_values"
# What upstream's decorator of such methods fills in from the configuration where it is not given.
FILLED_IN = frozenset({"vision_feature_layer", "vision_feature_select_strategy"})
FILLING = "merge_with_config_defaults"
ONE_INPUT = "`pixel_values` as the only input, for images of one size"
AS_LIST = Pattern("$images = list($images)")
# An image of zeros is padding.
IS_REAL = Pattern("(pixel_values == 0.0).sum(dim=$_) != $_")
# Of further arguments, the program hands on none.
ASKED = Pattern("$further.get($name) is not None")
FEATURES = Pattern("$_.pooler_output = $features")


def for_one_size(file: ModelingFile, method: ast.FunctionDef) -> tuple[Code, bool]:
    """The method without what images of several sizes need, and whether anything of upstream's text has changed.

    Raises:
        Refusal: it needs more than pixels, or gives the features of each image by themselves.
    """
    never_given = _never_given(file, method)
    further = method.args.kwarg.arg if method.args.kwarg is not None else ""
    code = _code_of(file, method)
    folded, _ = fold(code, lambda test: _is_none(test, never_given, further))
    for name in find(ast.Name, folded.tree):
        if name.id in never_given and isinstance(name.ctx, ast.Load):
            raise refusal(
                file,
                f"`{method.name}` reads `{name.id}`, which images of one size do not need",
                method.lineno,
                ONE_INPUT,
            )
    asked: list[ast.expr] = [
        node
        for node in find(ast.Attribute, folded.tree)
        if further and ast.unparse(node.value) == further and node.attr != "items"
    ]
    asked += [node for node in find(ast.Subscript, folded.tree) if further and ast.unparse(node.value) == further]
    if asked:
        raise refusal(
            file,
            f"`{method.name}` reads `{ast.unparse(asked[0])}` of further arguments, of which there are none",
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


def for_one_image(file: ModelingFile, method: ast.FunctionDef) -> tuple[Code, bool]:
    """The method for one image, which is no padding, and whether anything of upstream's text has changed.

    Processors fill a batch up with images of zeros, which upstream finds by their pixels and leaves out. A program of
    one image is not called for what is none, so each image counts:

        real_images_inds = (pixel_values == 0.0).sum(dim=(-1, -2, -3)) != nb_values_per_image

    becomes

        real_images_inds = torch.ones(pixel_values.shape[0], dtype=torch.bool)
    """
    code = _code_of(file, method)
    edits = Edits(code)
    for found in find_all(IS_REAL, code):
        edits.replace(found.expression, "torch.ones(pixel_values.shape[0], dtype=torch.bool)")
    result = edits.done()
    return result, result.text != code.text


def _is_none(test: ast.expr, never_given: Collection[str], further: str) -> bool | None:
    """Truth of a comparison with None of what is never given: a parameter, or `<kwargs>.get(<name>)`."""
    found = match(ASKED, test)
    if found is not None and found.name("further") == further and isinstance(found["name"], ast.Constant):
        return False
    return none_comparison(test, never_given)


def _code_of(file: ModelingFile, method: ast.FunctionDef) -> Code:
    start = min([method.lineno, *(item.lineno for item in method.decorator_list)])
    lines = file.lines[start - 1 : method.end_lineno]
    indent = " " * method.col_offset
    return Code("".join(f"{line.removeprefix(indent)}\n" for line in lines), file.aliases)


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
    return frozenset(parameters(method)) - {PIXELS} - filled_in(method)


def filled_in(method: ast.FunctionDef) -> frozenset[str]:
    """Parameters that are the configuration's setting of the same name where they are not given."""
    is_filled = any(ast.unparse(item).split(".")[-1] == FILLING for item in method.decorator_list)
    return FILLED_IN if is_filled else frozenset()
